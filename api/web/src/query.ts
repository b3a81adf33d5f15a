// SPDX-License-Identifier: Apache-2.0
// Edits the filter text; its meaning is decided by lib/query on the other side. Here is only what
// editing and completion need: tokens with positions, and the terms between top-level ANDs.

export type TokenKind = "word" | "quoted" | "cmp" | "open" | "close" | "lbrace" | "rbrace" | "comma" | "bad";
export interface Token { kind: TokenKind; text: string; at: number; end: number }

// A quote inside quotes is doubled; an open one reaches to the end. The last alternative takes what
// fits nowhere, so that positions never slip.
const TOKEN = /\s+|("(?:[^"]|"")*"?|'(?:[^']|'')*'?)|(!=|<=|>=|=|<|>)|(\()|(\))|(\{)|(\})|(,)|([^\s"'(){},!=<>]+)|([^])/gu;
const KINDS: TokenKind[] = ["quoted", "cmp", "open", "close", "lbrace", "rbrace", "comma", "word", "bad"];

export function tokens(text: string): Token[] {
  const out: Token[] = [];
  for (const m of text.matchAll(TOKEN)) {
    const i = KINDS.findIndex((_, n) => m[n + 1] !== undefined);
    const kind = KINDS[i];
    if (kind) out.push({ kind, text: m[0], at: m.index, end: m.index + m[0].length });
  }
  return out;
}

const is = (t: Token | undefined, word: string): boolean =>
  t?.kind === "word" && t.text.toUpperCase() === word;

const BARE = /^[A-Za-z0-9_][A-Za-z0-9_.:/-]*$/;
const KEYWORD = /^(?:AND|OR|NOT|IN|NOTIN|EMPTY)$/i;
/** The language has no escape for these: they cannot stand in a query. */
const CONTROL = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** A value as the language takes it: bare where it needs no quotes. */
export function quote(value: string): string {
  if (BARE.test(value) && !KEYWORD.test(value)) return value;
  return `"${value.replaceAll('"', '""')}"`;
}

/** key = value; a missing value is EMPTY; what cannot be written is asked for with wildcards. */
export function equals(key: string, value: string, not = false): string {
  const k = quote(key);
  if (value === "") return not ? `${k} NOT EMPTY` : `${k} EMPTY`;
  if (value.search(CONTROL) >= 0) return `${k} ${not ? "NOTIN" : "IN"} {${quote(value.replace(CONTROL, "?"))}}`;
  return `${k} ${not ? "!=" : "="} ${quote(value)}`;
}

export interface Term { text: string; at: number; end: number; key: string; positive: boolean }

/** The terms between ANDs outside brackets; null when an OR stands there (then the text is one). */
export function terms(text: string): Term[] | null {
  const all = tokens(text);
  const out: Term[] = [];
  let depth = 0;
  let first = 0;
  const take = (end: number): void => {
    const a = all[first], z = all[end - 1], second = all[first + 1];
    if (!a || !z || end <= first) return;
    const plain = (a.kind === "word" || a.kind === "quoted") && !is(a, "NOT");
    out.push({
      text: text.slice(a.at, z.end), at: a.at, end: z.end,
      key: plain ? a.text.toLowerCase().replace(/^["']|["']$/g, "") : "",
      positive: plain && (second?.text === "=" || is(second, "IN") || is(second, "EMPTY")),
    });
  };
  for (let i = 0; i < all.length; i++) {
    const t = all[i]!;
    if (t.kind === "open" || t.kind === "lbrace") depth++;
    else if (t.kind === "close" || t.kind === "rbrace") depth--;
    else if (depth === 0 && is(t, "OR")) return null;
    else if (depth === 0 && is(t, "AND")) { take(i); first = i + 1; }
  }
  take(all.length);
  return out;
}

/** text AND more, with brackets where the text's own OR would swallow it. */
export function and(text: string, more: string): string {
  const q = text.trim();
  if (q === "") return more;
  return terms(q) === null ? `(${q}) AND ${more}` : `${q} AND ${more}`;
}

/** What a click on a value does: adds `key = value`, or replaces the term that has the same key. */
export function narrow(text: string, key: string, value: string, not = false): string {
  const term = equals(key, value, not);
  const all = terms(text);
  if (all?.some((t) => t.text === term)) return text;
  const same = not ? undefined : all?.find((t) => t.positive && t.key === key);
  if (same) return text.slice(0, same.at) + term + text.slice(same.end);
  return and(text, term);
}

/** Adds a whole term unless it is there already. */
export const withTerm = (text: string, term: string): string =>
  terms(text)?.some((t) => t.text === term) ? text : and(text, term);

export function without(text: string, term: Term): string {
  const rest = (terms(text) ?? []).filter((t) => t.at !== term.at);
  return rest.map((t) => t.text).join(" AND ");
}

/** An offset in octets of UTF-8 as an index of the string. */
export function indexOfOctet(text: string, octets: number): number {
  let n = 0;
  let i = 0;
  for (const c of text) {
    if (n >= octets) break;
    n += new TextEncoder().encode(c).length;
    i += c.length;
  }
  return i;
}
