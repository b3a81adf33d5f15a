// SPDX-License-Identifier: Apache-2.0
// Policies: which there are and what is wrong with those that were refused; what they stopped in this
// range, and apart from it what they would have stopped, by pod, by name and by policy.
import type { ComponentChildren, JSX } from "preact";
import { Bars } from "./bars";
import * as d from "./data";
import { count, exact, visible } from "./format";
import { Client, clientId } from "./overview";
import { Filter, Name, Panel, State, To } from "./panel";
import { equals, withTerm } from "./query";
import { Standing, Things, type Item } from "./table";
import type { Group, Policy, Top } from "./types";
import { view } from "./url";
import { blockedSums, countOf, Shield } from "./verdict";

const NO_POLICY = "No policy is defined: put a DNSPolicy manifest into the objects directory.";
const HEAD = ["Policy", "Mode", "Pods", "Allows", "Denied", "Would deny", "State"];
const FEW = 3;

function Allowed({ names }: { names: string[] }): JSX.Element {
  if (names.length === 0) return <span class="none">nothing</span>;
  const short = visible(names.slice(0, FEW).join(", "));
  if (names.length <= FEW) return <code>{short}</code>;
  return (
    <details><summary><code>{short}</code> and {exact(names.length - FEW)} more</summary>
      <ul>{names.slice(FEW).map((n) => <li key={n}><code>{visible(n)}</code></li>)}</ul></details>
  );
}

/** Figures are links to their rows. */
function Rows({ n, policy, term }: { n: number; policy: string; term: string }): JSX.Element {
  if (n === 0) return <>0</>;
  const q = withTerm(withTerm(view.value.q, equals("policy", policy)), term);
  return <To change={{ page: "/", q }} title={`${exact(n)} transactions: see the rows`}>{count(n)}</To>;
}

function item(p: Policy): Item {
  const name = `${p.namespace}/${p.name}`;
  const mine = d.blocked.data.value?.groups.filter((g) => g.key["policy"] === name);
  const sum = (stopped: boolean, term: string): ComponentChildren =>
    !mine ? "…" : <Rows n={countOf(mine, stopped)} policy={name} term={term} />;
  return {
    id: name, cls: p.accepted ? "" : "bad", cells: [
      <Filter field="policy" value={name}><Name value={name} /></Filter>,
      p.mode ? visible(p.mode) : "–",
      p.accepted ? exact(p.pods) : "–",
      p.accepted ? <Allowed names={p.allow} /> : "–",
      sum(true, d.DENIED), sum(false, d.AUDITED),
      <Standing accepted={p.accepted} problem={p.problem} />,
    ],
  };
}

function List(): JSX.Element {
  const all = d.policies.data.value?.policies ?? [];
  const n = (of: (p: Policy) => boolean): string => exact(all.filter(of).length);
  const words = `${n((p) => p.mode === "Enforce")} enforced, ${n((p) => p.mode === "Audit")} in audit, ${n((p) => !p.accepted)} refused`;
  return (
    <Panel id="policies" title="Policies" unit={all.length ? words : undefined} class="full list">
      <State of={d.policies} isEmpty={() => false} empty="" skeleton="table">
        {(data) => data.policies.length === 0 ? <p class="note">{NO_POLICY}</p>
          : <Things cls="policies" head={HEAD} rows={data.policies.map(item)} />}
      </State>
    </Panel>
  );
}

interface Kind { id: "denied" | "audited"; words: string; none: string; cls: string }
const KINDS: Kind[] = [
  { id: "denied", words: "Denied", none: "Nothing was denied in this range.", cls: "v-denied" },
  { id: "audited", words: "Would be denied", none: "Nothing would have been denied in this range.", cls: "v-audited" },
];

function Top10({ kind, by, of, label }: {
  kind: Kind; by: string; of: d.Resource<Top>; label: (g: Group) => ComponentChildren;
}): JSX.Element {
  return (
    <Panel id={`${kind.id}-${by}`} title={`${kind.words} by ${by}`} unit="transactions" class="narrow">
      <State of={of} isEmpty={(t) => t.groups.length === 0} empty={kind.none} skeleton="list">
        {(data) => <Bars more={data.more} rows={data.groups.map((g) => ({
          id: clientId(g), label: label(g), parts: [{ value: g.sums.count, cls: kind.cls }],
          figure: count(g.sums.count), title: `${exact(g.sums.count)} transactions`,
        }))} />}
      </State>
    </Panel>
  );
}

/** Verdicts of one policy added up: a pod may be stopped by a name and by a packet that lies. */
function byPolicy(data: Top, stopped: boolean): { policy: string; n: number }[] {
  const policies = [...new Set(data.groups.map((g) => g.key["policy"] ?? ""))];
  return policies.map((policy) => ({ policy, n: countOf(data.groups.filter((g) => g.key["policy"] === policy), stopped) }))
    .filter((x) => x.n > 0).sort((a, b) => b.n - a.n);
}

function ByPolicy({ kind }: { kind: Kind }): JSX.Element {
  const stopped = kind.id === "denied";
  return (
    <Panel id={`${kind.id}-policy`} title={`${kind.words} by policy`} unit="transactions" class="narrow">
      <State of={d.blocked} isEmpty={(t) => byPolicy(t, stopped).length === 0} empty={kind.none} skeleton="list">
        {(data) => {
          const all = byPolicy(data, stopped);
          return <Bars more={data.more || all.length > 10} rows={all.slice(0, 10).map((x) => ({
            id: x.policy, label: <Filter field="policy" value={x.policy}><Name value={x.policy} none="no policy named" /></Filter>,
            parts: [{ value: x.n, cls: kind.cls }], figure: count(x.n), title: `${exact(x.n)} transactions`,
          }))} />;
        }}
      </State>
    </Panel>
  );
}

function Sum({ kind, n }: { kind: Kind; n: number }): JSX.Element {
  const term = kind.id === "denied" ? d.DENIED : d.AUDITED;
  return (
    <h2 class="kind" id={`${kind.id}-sum`}><Shield verdict={kind.id === "denied" ? "deny" : "audit"} />
      {kind.words}: {d.blocked.data.value ? exact(n) : "…"}{n > 0 && <> <To change={{ page: "/", q: withTerm(view.value.q, term) }}>Rows ›</To></>}</h2>
  );
}

export function Policies(): JSX.Element {
  const sums = blockedSums();
  return (
    <>
      <List />
      {KINDS.map((kind) => (
        <section key={kind.id} class="kinds" aria-labelledby={`${kind.id}-sum`}>
          <Sum kind={kind} n={sums[kind.id]} />
          <div class="grid-panels">
            <Top10 kind={kind} by="pod" of={d.blockedPods[kind.id]} label={(g) => <Client g={g} />} />
            <Top10 kind={kind} by="name" of={d.blockedNames[kind.id]}
              label={(g) => <Filter field="qname" value={g.key["qname"] ?? ""}><Name dns value={g.key["qname"] ?? ""} none="not parsed" /></Filter>} />
            <ByPolicy kind={kind} />
          </div>
        </section>
      ))}
    </>
  );
}
