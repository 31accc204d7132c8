import { Link } from "wouter";
import type { AuditEvent } from "../api/service.ts";
import { eventSentence, type SentencePart } from "../text/event-sentence.ts";
import "./sentence.css";

/** `ada@example.com deactivated key 3 of api-1-demo` */
export function Sentence({ event }: { readonly event: AuditEvent }) {
  return (
    <span className="sentence">
      {eventSentence(event).map((part, at) => (
        // The parts of a sentence are told apart only by their position.
        <Word key={`${at}`} part={part} />
      ))}
    </span>
  );
}

function Word({ part }: { readonly part: SentencePart }) {
  if (typeof part === "string") return part;
  const { name, href, isActor = false, kind = "" } = part;
  if (href !== undefined) {
    return (
      <Link href={href}>
        <bdi>{name}</bdi>
      </Link>
    );
  }
  return (
    <>
      <bdi className={isActor ? "sentence-actor" : "sentence-name"}>{name}</bdi>
      {kind === "" ? null : <span className="faint"> ({kind})</span>}
    </>
  );
}
