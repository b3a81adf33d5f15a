// SPDX-License-Identifier: Apache-2.0
// What may come next at the caret: a field, an operator for its type, a value, AND/OR. Works on
// half-written text; whether the text is right is for lib/query to say.
import { tokens, quote } from "./query";
import type { Field } from "./types";

export interface Option { insert: string; label: string; note: string }
export interface Context {
  want: "key" | "operator" | "brace" | "value" | "inside" | "comma" | "join";
  key: string; // the field in front, for operator and value
  prefix: string; // what is typed of it already
  from: number; // start of the prefix
}

const keyword = (text: string): string => text.toUpperCase();

/** One step over a whole token; the word of the language that follows each state. */
function step(c: Context, kind: string, text: string): Context {
  const at = (want: Context["want"], key = c.key): Context => ({ ...c, want, key });
  const isValue = kind === "word" || kind === "quoted";
  switch (c.want) {
  case "key":
    if (kind === "open" || keyword(text) === "NOT") return c;
    return isValue ? at("operator", text.replace(/^["']|["']$/g, "").toLowerCase()) : c;
  case "operator":
    if (kind === "cmp") return at("value");
    if (/^(IN|NOTIN)$/i.test(text)) return at("brace");
    return keyword(text) === "EMPTY" ? at("join") : c;
  case "brace": return kind === "lbrace" ? at("inside") : c;
  case "value": return isValue ? at("join") : c;
  case "inside": return isValue ? at("comma") : kind === "rbrace" ? at("join") : c;
  case "comma": return kind === "comma" ? at("inside") : kind === "rbrace" ? at("join") : c;
  case "join": return /^(AND|OR)$/i.test(text) ? at("key", "") : c;
  }
}

export function context(text: string, caret: number): Context {
  const all = tokens(text.slice(0, caret));
  const last = all.at(-1);
  const closed = last?.kind === "quoted" && last.text.length > 1 && last.text.endsWith(last.text[0]!);
  const partial = last && last.end === caret && !closed && ["word", "bad", "quoted"].includes(last.kind) ? last : null;
  let c: Context = { want: "key", key: "", prefix: "", from: caret };
  for (const t of partial ? all.slice(0, -1) : all) c = step(c, t.kind, t.text);
  return partial ? { ...c, prefix: partial.text, from: partial.at } : c;
}

/** Those that begin with the prefix first, then those that hold it. */
function ranked<T>(all: T[], prefix: string, text: (t: T) => string): T[] {
  const p = prefix.toLowerCase().replace(/^["']/, "");
  const begins = all.filter((t) => text(t).toLowerCase().startsWith(p));
  const holds = p ? all.filter((t) => !begins.includes(t) && text(t).toLowerCase().includes(p)) : [];
  return [...begins, ...holds];
}

function keys(fields: Field[], c: Context, whole: string): Option[] {
  const found: Option[] = ranked(fields, c.prefix, (f) => f.name).slice(0, 12)
    .map((f) => ({ insert: f.name.endsWith(".") ? f.name : `${f.name} `, label: f.name, note: f.description }));
  const bare = whole.trim();
  // A bare word is never guessed; what it may have meant is offered.
  if (bare && bare === c.prefix && /^[\w.*-]+$/.test(bare) && !fields.some((f) => f.name === bare)) {
    found.push(
      { insert: `qname IN {"*${bare}*"}`, label: `name contains ${bare}`, note: `qname IN {"*${bare}*"}` },
      { insert: `client_name IN {"${bare}*"}`, label: `pod begins with ${bare}`, note: `client_name IN {"${bare}*"}` });
    if (bare.includes(".")) found.push({ insert: `domain = "${bare}"`, label: `domain is ${bare}`, note: `domain = "${bare}"` });
  }
  return found;
}

const ORDERED = ["integer", "time", "duration"];

function operators(f: Field | undefined): Option[] {
  const word = (insert: string, note: string): Option => ({ insert: `${insert} `, label: insert, note });
  const out = [word("=", "is"), word("!=", "is not")];
  if (f && ORDERED.includes(f.type))
    out.push(word(">", "above"), word(">=", "at least"), word("<", "below"), word("<=", "at most"));
  else
    out.push({ insert: "IN {", label: "IN", note: "one of; * and ? are wildcards" },
      { insert: "NOTIN {", label: "NOTIN", note: "none of" });
  out.push(word("EMPTY", "has no value"), word("NOT EMPTY", "has a value"));
  return out;
}

export interface Known { value: string; note: string }

/** What is offered at the caret. values: of the field in front, from the range that is shown. */
export function options(c: Context, fields: Field[], values: Known[], whole: string): Option[] {
  const f = fields.find((x) => x.name === c.key);
  const pick = (o: Option[]): Option[] => ranked(o, c.prefix, (x) => x.label);
  switch (c.want) {
  case "key": return keys(fields, c, whole);
  case "operator": return pick(operators(f));
  case "brace": return pick([{ insert: "{", label: "{", note: "values, separated by commas" }]);
  case "value": case "inside": {
    const fixed = (f?.values ?? (f?.type === "boolean" ? ["true", "false"] : [])).map((value) => ({ value, note: "" }));
    const all = [...values, ...fixed.filter((x) => !values.some((v) => v.value === x.value))];
    const after = c.want === "inside" ? "" : " ";
    return ranked(all, c.prefix, (v) => v.value).slice(0, 20)
      .map((v) => ({ insert: quote(v.value) + after, label: v.value, note: v.note }));
  }
  case "comma": return c.prefix ? [] : [{ insert: ", ", label: ",", note: "one more value" }, { insert: "} ", label: "}", note: "end of the values" }];
  case "join": return pick([{ insert: "AND ", label: "AND", note: "both" }, { insert: "OR ", label: "OR", note: "either" }]);
  }
}
