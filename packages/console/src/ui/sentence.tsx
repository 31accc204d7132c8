import { Link } from "wouter";
import type { AuditEvent } from "../api/service.ts";
import { actorName, eventSentence, type SentencePart } from "../text/event-sentence.ts";
import "./sentence.css";

/** `ada@example.com deactivated key 3 of api-1-demo` */
export function Sentence({ event }: { readonly event: AuditEvent }) {
  const { kind, name } = actorName(event.actor);
  return (
    <span className="sentence">
      <bdi className="sentence-actor">{name}</bdi>
      {kind === "" || kind === "operator" ? null : <span className="faint"> ({kind})</span>}
      {eventSentence(event).map((part, at) => (
        // The parts of a sentence are told apart only by their position.
        <Word key={`${at}`} part={part} />
      ))}
    </span>
  );
}

function Word({ part }: { readonly part: SentencePart }) {
  if (typeof part === "string") return <> {part}</>;
  if (part.href === undefined) {
    return (
      <>
        {" "}
        <bdi className="sentence-name">{part.name}</bdi>
      </>
    );
  }
  return (
    <>
      {" "}
      <Link href={part.href}>
        <bdi>{part.name}</bdi>
      </Link>
    </>
  );
}
