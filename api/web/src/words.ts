// SPDX-License-Identifier: Apache-2.0
// Fixed looks and words of outcomes, record types and scopes: the same on every panel.

export interface Look { cls: string; glyph: string; label: string }

const OUTCOMES: Record<string, Look> = {
  NOERROR: { cls: "o-noerror", glyph: "●", label: "NOERROR" },
  NXDOMAIN: { cls: "o-nxdomain", glyph: "◇", label: "NXDOMAIN" },
  SERVFAIL: { cls: "o-servfail", glyph: "■", label: "SERVFAIL" },
  REFUSED: { cls: "o-refused", glyph: "⊘", label: "REFUSED" },
};
export const NO_ANSWER: Look = { cls: "o-none", glyph: "✕", label: "no answer" };
export const BLOCKED: Look = { cls: "o-blocked", glyph: "⊠", label: "blocked" };
export const SEARCH: Look = { cls: "o-search", glyph: "↳", label: "search-list misses" };

export const outcomeLook = (rcode: string): Look =>
  rcode === "" ? NO_ANSWER : OUTCOMES[rcode] ?? { cls: "o-other", glyph: "·", label: rcode };

const SLOTS: Record<string, number> = { A: 1, AAAA: 2, HTTPS: 3, SVCB: 3, SRV: 4, PTR: 5, TXT: 6 };
export const typeClass = (qtype: string): string => `s-${SLOTS[qtype] ?? "other"}`;

const SCOPES: Record<string, Look> = {
  cluster: { cls: "s-1", glyph: "▪", label: "in the cluster" },
  reverse: { cls: "s-5", glyph: "▪", label: "reverse" },
  external: { cls: "s-6", glyph: "▪", label: "external" },
  search: SEARCH,
};
export const scopeLook = (scope: string): Look =>
  SCOPES[scope] ?? { cls: "s-other", glyph: "▪", label: scope || "not known" };

/** Why packets are not in the log, for a person; an unknown reason is shown as it is. */
const REASONS: Record<string, string> = {
  ring_full: "buffer full",
  share_exceeded: "share exceeded",
  agent_restart: "agent restarted",
  before_tap: "before the tap",
  unparsable: "no DNS message",
  spool_full: "spool full",
};
export const reasonWords = (reason: string): string => REASONS[reason] ?? (reason.replaceAll("_", " ") || "reason unknown");

/** NODATA comes with a later issue; the order of the stack is fixed here. */
export const OUTCOME_ORDER = ["NOERROR", "NXDOMAIN", "SERVFAIL", "REFUSED"];
