// SPDX-License-Identifier: Apache-2.0
// A plain table of things (events, rules, policies); on a narrow screen each row becomes a card.
import type { ComponentChildren, JSX } from "preact";
import { visible } from "./format";

export interface Item { id: string; cells: ComponentChildren[]; cls?: string }

export function Things({ head, rows, cls }: { head: string[]; rows: Item[]; cls: string }): JSX.Element {
  return (
    <table class={`things ${cls}`}>
      <thead><tr>{head.map((h) => <th key={h} scope="col">{h}</th>)}</tr></thead>
      <tbody>{rows.map((r) => (
        <tr key={r.id} data-id={r.id} class={r.cls}>{r.cells.map((c, i) => <td key={head[i]} data-head={head[i]}>{c}</td>)}</tr>
      ))}</tbody>
    </table>
  );
}

/** Accepted, or refused with the field and the reason. */
export function Standing({ accepted, problem }: { accepted: boolean; problem: { field: string; message: string } | null }): JSX.Element {
  if (accepted) return <span class="good"><span aria-hidden="true">✓</span> accepted</span>;
  return (
    <span class="refused"><b><span aria-hidden="true">!</span> refused</b>
      {problem && <>: {problem.field && <code>{visible(problem.field)}</code>} {visible(problem.message)}</>}</span>
  );
}
