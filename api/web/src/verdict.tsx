// SPDX-License-Identifier: Apache-2.0
// What policies made of a query: shield, word and sentence; the sums of a range.
import type { JSX } from "preact";
import { blocked } from "./data";
import { visible } from "./format";
import { Filter, Name } from "./panel";
import type { Group, LogRecord } from "./types";

/** Verdicts of a query that did not leave the pod's node. */
const STOPPED = new Set(["deny", "unjudgeable"]);
export const isStopped = (r: LogRecord): boolean => STOPPED.has(r.verdict ?? "");
export const isBlocked = (r: LogRecord): boolean => isStopped(r) || r.verdict === "audit";

const WORDS: Record<string, string> = { deny: "denied", audit: "would deny", unjudgeable: "dropped" };

/** Crossed and filled: stopped. Outline only: a policy that audits. */
export function Shield({ verdict }: { verdict: string }): JSX.Element {
  return (
    <svg class={`shield o-refused${STOPPED.has(verdict) ? " full" : ""}`} viewBox="0 0 14 16" width="12" height="14" aria-hidden="true">
      <path d="M7 1 13 3.2V8c0 3.4-2.4 5.7-6 7C3.4 13.7 1 11.4 1 8V3.2Z" />
      {STOPPED.has(verdict) && <line x1="4.5" y1="10.5" x2="9.5" y2="5" />}
    </svg>
  );
}

/** For a row of the log; the policy where one is named. */
export function Verdict({ r }: { r: LogRecord }): JSX.Element {
  const verdict = r.verdict ?? "";
  return (
    <span class="verdict">
      <Shield verdict={verdict} />
      <Filter field="verdict" value={verdict}>{WORDS[verdict] ?? visible(verdict)}</Filter>
      {r.policy && <Filter field="policy" value={r.policy}><Name value={r.policy} /></Filter>}
    </span>
  );
}

export function VerdictSentence({ r }: { r: LogRecord }): JSX.Element {
  const by = r.policy ? <Filter field="policy" value={r.policy}><Name value={r.policy} /></Filter> : <>a policy</>;
  if (r.verdict === "deny") return <>Denied by {by}: the query went to no server, the pod was told {visible(r.rcode ?? "nothing")}.</>;
  if (r.verdict === "audit") return <>Would be denied by {by}, which only audits: the query went on.</>;
  return <>Dropped: the pod is under {by}, and this packet cannot be judged. It went to no server.</>;
}

/** Transactions of some groups by policy and verdict. */
export function countOf(groups: Group[], stopped: boolean): number {
  return groups.reduce((n, g) => n + (STOPPED.has(g.key["verdict"] ?? "") === stopped ? g.sums.count : 0), 0);
}

export function blockedSums(): { denied: number; audited: number } {
  const groups = blocked.data.value?.groups ?? [];
  return { denied: countOf(groups, true), audited: countOf(groups, false) };
}
