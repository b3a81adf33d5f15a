// SPDX-License-Identifier: Apache-2.0
// Alerts: what is open, what was, of what nobody is told, and the rules with what is wrong with them.
// Each event and each rule leads to the rows behind it. Neither filter nor range of the page applies here.
import type { JSX } from "preact";
import * as d from "./data";
import { ago, bytes, clock, day, exact, latency, visible } from "./format";
import { Filter, Name, Panel, State, To } from "./panel";
import { Standing, Things, type Item } from "./table";
import type { AlertEvent, AlertEvents, Rule, Suppression } from "./types";

const CONDITIONS: Record<string, string> = { gt: ">", gte: "≥", lt: "<", lte: "≤", eq: "=", not_eq: "≠" };
const condition = (c: string): string => CONDITIONS[c] ?? visible(c);

const ruleOf = (name: string): Rule | undefined => d.rules.data.value?.rules.find((r) => r.name === name);

/** A figure in the unit of the rule's field; the metric `count` counts transactions, or packets that were not logged. */
function measured(v: number, metric: string, rule: Rule | undefined): string {
  const field = metric === "count" ? "count" : rule?.field ?? "";
  const unit = /^p\d\d$/.test(metric) ? "ns" : field === "count" && rule?.type === "UNLOGGED" ? "packets" : d.fields.data.value?.fields.find((f) => f.name === field)?.unit ?? "";
  if (unit === "ns") return latency(Math.round(v));
  if (unit === "octets") return bytes(Math.round(v));
  return `${v.toLocaleString("en", { maximumFractionDigits: 2 })} ${v === 1 ? unit.replace(/s$/, "") : unit}`.trim();
}

/** Multiples of 1 s in the largest unit that fits. */
function period(ns: number): string {
  const s = ns / 1e9;
  return s >= 3600 && s % 3600 === 0 ? `${s / 3600} h` : s >= 60 && s % 60 === 0 ? `${s / 60} min` : `${s} s`;
}

function When({ time }: { time: string | null }): JSX.Element {
  if (time === null) return <span class="none">–</span>;
  const today = new Date().toISOString().slice(0, 10);
  return <span class="when" title={`${time}`}>{day(time) !== today && <span class="date">{day(time)} </span>}{clock(time, 0)}</span>;
}

/** The event's filter and range, on the page that shows the rows. */
const rowsOf = (e: AlertEvent) => ({ page: "/" as const, q: e.query, from: e.from, to: e.to });

function Group({ of }: { of: Record<string, string> }): JSX.Element {
  const keys = Object.entries(of);
  if (keys.length === 0) return <span class="none">all together</span>;
  return <>{keys.map(([k, v]) => (
    <span key={k} class="of" title={k}><Filter page="/" field={k} value={v}><Name value={v} none={`no ${k}`} dns={k === "qname"} /></Filter></span>
  ))}</>;
}

const EVENT_HEAD = ["Severity", "Rule", "Group", "What", "Last value", "Peak", "First seen UTC", "Last seen UTC", "Rows"];

/** Who has seen it; and that nobody is told, with the reason while the suppression is there. */
function Marks({ e }: { e: AlertEvent }): JSX.Element {
  const { acknowledged: a, suppressed: s } = e;
  const why = d.suppressions.data.value?.suppressions.find((x) => x.id === s?.id)?.reason;
  return (
    <>
      {a && <span class="mark" title={a.at}><span aria-hidden="true">✓</span> acknowledged by {visible(a.by)}, {ago(Date.now() - Date.parse(a.at))} ago{a.comment && `: ${visible(a.comment)}`}</span>}
      {s && <span class="mark"><span aria-hidden="true">⊘</span> {e.state === "open" ? "suppressed until " : "was suppressed until "}<When time={s.until} />{why && `: ${visible(why)}`}</span>}
    </>
  );
}

function item(e: AlertEvent): Item {
  const of = ruleOf(e.rule);
  const open = e.state === "open";
  return {
    id: e.id, cls: e.state, cells: [
      <span class={`severity${open ? " crit" : ""}`} title={`Severity ${e.severity} of 100, ${e.state}`}>
        <span aria-hidden="true">{open ? "▲" : "△"}</span> {e.severity}</span>,
      <Name value={e.rule} />,
      <Group of={e.group} />,
      <><span class="words">{visible(e.summary)}</span><Marks e={e} /></>,
      <>{measured(e.value, e.metric, of)} <br /><span class="limit">{condition(e.condition)} {measured(e.threshold, e.metric, of)}</span></>,
      measured(e.peak, e.metric, of),
      <When time={e.first_seen} />,
      <><When time={e.last_seen} />{!open && e.resolved && <><br /><span class="limit" title={e.resolved}>over {clock(e.resolved, 0)}</span></>}</>,
      <To class="rows" change={rowsOf(e)} title={visible(e.query) || "all rows of its time"}>Rows ›</To>,
    ],
  };
}

/** Nothing open: good news only where some rule was evaluated. */
function quiet(): string {
  const rules = d.rules.data.value?.rules;
  if (!rules) return "No open event.";
  if (rules.length === 0) return NO_RULE;
  const ran = rules.filter((r) => r.last_evaluated !== null);
  if (ran.length === 0) return `No open event: none of ${exact(rules.length)} rules has been evaluated yet.`;
  const newest = ran.map((r) => r.last_evaluated ?? "").sort().at(-1) ?? "";
  return `No open event. ${exact(ran.length)} of ${exact(rules.length)} rules evaluated, up to ${clock(newest, 0)} UTC.`;
}

const NO_RULE = "No rule is defined: put a GlobalAlert manifest into the objects directory.";

/** "3 · 1 acknowledged · 2 suppressed"; of what is listed. */
function sum(events: AlertEvent[], more: boolean): string | undefined {
  if (events.length === 0) return undefined;
  const parts = [exact(events.length) + (more ? "+, the newest are shown" : "")];
  const known = events.filter((e) => e.acknowledged).length, quiet = events.filter((e) => e.suppressed).length;
  if (known > 0) parts.push(`${exact(known)} acknowledged`);
  if (quiet > 0) parts.push(`${exact(quiet)} suppressed`);
  return parts.join(" · ");
}

function Events({ id, title, of, empty }: { id: string; title: string; of: d.Resource<AlertEvents>; empty: string }): JSX.Element {
  return (
    <Panel id={id} title={title} unit={sum(of.data.value?.events ?? [], of.data.value?.more ?? false)} class="full list">
      <State of={of} isEmpty={() => false} empty="" skeleton="table">
        {(data) => data.events.length === 0 ? <p class="note">{empty}</p>
          : <Things cls="events" head={EVENT_HEAD} rows={data.events.map(item)} />}
      </State>
    </Panel>
  );
}

const SUPPRESSION_HEAD = ["Rule", "Group", "Until UTC", "Reason", "By", "Open events"];

function suppression(s: Suppression): Item {
  return {
    id: s.id, cells: [
      <Name value={s.rule} />,
      <Group of={s.group} />,
      <When time={s.until} />,
      <span class="words">{visible(s.reason)}</span>,
      <span title={s.created}><Name value={s.by} /></span>,
      exact(s.events),
    ],
  };
}

/** Only where there are some: most of the time nobody has anything to see here. */
function Suppressions(): JSX.Element | null {
  const all = d.suppressions.data.value?.suppressions ?? [];
  if (all.length === 0) return null;
  return (
    <Panel id="suppressions" title="Suppressions" unit={`${exact(all.length)}: of these events nobody is told`} class="full list">
      <Things cls="suppressions" head={SUPPRESSION_HEAD} rows={all.map(suppression)} />
    </Panel>
  );
}

const RULE_HEAD = ["Rule", "State", "Severity", "Fires when", "By", "Every, over", "Query", "Evaluated UTC", "Open"];

function fires(r: Rule): string {
  if (!r.metric) return r.accepted ? "any row" : "–";
  const of = r.field && r.metric !== "count" ? `${r.metric} of ${visible(r.field)}` : visible(r.metric);
  return `${of} ${condition(r.condition)} ${r.threshold === null ? "–" : measured(r.threshold, r.metric, r)}`;
}

const TESTS = { pending: "self test waits", passed: "self test passed", failed: "self test failed", notGenerated: "no self test" };

/** Whether the rule fires on rows that it must fire on, and on no others. */
function Tested({ t }: { t: Rule["self_test"] }): JSX.Element | null {
  if (!t) return null;
  const bad = t.result === "failed";
  return <span class={bad ? "tested refused" : "tested"}>{bad && <span aria-hidden="true">! </span>}{TESTS[t.result]}{t.message && `: ${visible(t.message)}`}</span>;
}

function rule(r: Rule): Item {
  return {
    id: r.name, cls: r.accepted ? "" : "bad", cells: [
      <span title={visible(r.description || r.summary)}><Name value={r.name} /></span>,
      <><Standing accepted={r.accepted} problem={r.problem} /><Tested t={r.self_test} /></>,
      r.severity || "–",
      fires(r),
      r.aggregate_by.length ? visible(r.aggregate_by.join(", ")) : "–",
      r.period && r.lookback ? `${period(r.period)}, ${period(r.lookback)}` : "–",
      r.query ? <To change={{ page: "/", q: r.query }} title="Rows that it looks at"><code>{visible(r.query)}</code></To> : r.accepted ? "every row" : "–",
      <When time={r.last_evaluated} />,
      exact(r.open_events),
    ],
  };
}

function Rules(): JSX.Element {
  const all = d.rules.data.value?.rules ?? [];
  const bad = all.filter((r) => !r.accepted).length;
  return (
    <Panel id="rules" title="Rules" unit={all.length ? `${exact(all.length - bad)} accepted, ${exact(bad)} refused` : undefined} class="full list">
      <State of={d.rules} isEmpty={() => false} empty="" skeleton="table">
        {(data) => data.rules.length === 0 ? <p class="note">{NO_RULE}</p>
          : <Things cls="rules" head={RULE_HEAD} rows={data.rules.map(rule)} />}
      </State>
    </Panel>
  );
}

export function Alerts(): JSX.Element {
  return (
    <>
      <h2 class="away">Alerts</h2>
      <Events id="open-events" title="Open events" of={d.openEvents} empty={quiet()} />
      <Suppressions />
      <Events id="resolved-events" title="Resolved events" of={d.resolvedEvents} empty="No event has been resolved yet." />
      <Rules />
    </>
  );
}
