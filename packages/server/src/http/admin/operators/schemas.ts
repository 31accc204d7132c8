import {
  sample,
  count,
  flag,
  id,
  object,
  objectWith,
  page,
  patchOf,
  search,
  role,
  shortname,
  standing,
  text,
  textOrNull,
  time,
  timeOrNull,
} from "../http/schema.ts";

export const Operator = object({
  id: count,
  email: sample(text, "ann@example.com"),
  role,
  account: { ...textOrNull, description: "The account that the operator is limited to; null: all accounts" },
  status: standing,
  single_sign_on: flag,
  created_at: time,
  last_signed_in_at: timeOrNull,
});

export const OperatorsQuery = objectWith([], {
  q: search,
  role,
  status: standing,
  account: { ...shortname, description: "Operators with access to this account: limited to it, or to none" },
  ...page,
});

export const OperatorPatch = sample(
  patchOf(Operator, {
    role,
    account: { type: ["string", "null"], maxLength: 1000 },
    status: standing,
  }),
  { role: "viewer" },
);

export const OperatorSessionParam = object({ id, session_id: id });
