// SPDX-License-Identifier: Apache-2.0
// The log itself: rows newest first, gaps between them where packets were lost, the detail of one
// row beside it. Rows do not move while somebody reads them.
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { Problem } from "./api";
import * as d from "./data";
import { clock, count, day, exact, latency, visible } from "./format";
import { Filter, Name, Panel, State } from "./panel";
import type { LogRecord, Logs, Row } from "./types";
import { follow, href, view } from "./url";
import { isBlocked, isStopped, Verdict } from "./verdict";
import { outcomeLook, reasonWords } from "./words";

const text = (v: unknown): string => (v === undefined || v === null ? "" : String(v));

/** One entry of the list: a row, or a gap at its time. */
type Entry = { row: Row } | { gap: Row };
const timeOf = (e: Entry): string => text(("row" in e ? e.row : e.gap).record.start_time);

/** Gaps among the rows by time; gaps older than the last loaded row wait for their page. */
function entries(rows: Logs, gaps: Logs | null): Entry[] {
  const last = rows.next_cursor ? text(rows.rows.at(-1)?.record.start_time) : "";
  const all: Entry[] = rows.rows.map((row) => ({ row }));
  for (const gap of gaps?.rows ?? []) if (text(gap.record.start_time) >= last) all.push({ gap });
  return all.sort((a, b) => (timeOf(a) < timeOf(b) ? 1 : timeOf(a) > timeOf(b) ? -1 : 0));
}

function Time({ row, dated }: { row: Row; dated: boolean }): JSX.Element {
  const t = text(row.record.start_time);
  return (
    <a class="time" href={href({ sel: row.row })} onClick={(e) => follow(e, { sel: row.row })} title="Open the row">
      {dated && <span class="date">{day(t).slice(5)} </span>}{clock(t)}</a>
  );
}

function Answers({ record }: { record: LogRecord }): JSX.Element {
  const all = (record.rrsets ?? []).flatMap((s) => (s.rdata ?? []).map((data) => ({ type: text(s.type), data })));
  if (record.error) return <span class="bad-packet">{visible(record.error)}</span>;
  if (!all.length) return <span class="none">{text(record.rcode) === "NOERROR" ? "no data" : isStopped(record) ? "" : "–"}</span>;
  return (
    <>
      {all.slice(0, 3).map((a, i) => (
        <span key={i} class="answer">{a.type !== record.qtype && <span class="rtype">{a.type}</span>}
          <Filter field="rrsets.rdata" value={a.data}><Name dns value={a.data} none="empty" /></Filter></span>
      ))}
      {all.length > 3 && <span class="none">+{all.length - 3}</span>}
    </>
  );
}

/** Letters that the search list put behind the name that was meant. */
function added(r: LogRecord): number {
  const name = text(r.qname), meant = text(r.logical_qname);
  return r.scope === "search" && meant !== "" && name.startsWith(`${meant}.`) ? name.length - meant.length : 0;
}

function Asked({ r }: { r: LogRecord }): JSX.Element {
  return (
    <span class="asked">
      {r.scope === "search" && <span class="glyph o-search" title={`Made by the search list from ${visible(text(r.logical_qname))}`}>↳</span>}
      {r.qname === undefined ? <span class="none">not parsed</span>
        : <Filter field="qname" value={r.qname}><Name dns value={r.qname} domain={text(r.domain)} added={added(r)} /></Filter>}
    </span>
  );
}

/** Where a lookup that nobody answered ended, in words. */
function died(r: LogRecord): string | undefined {
  const where = text(r["died"]);
  if (!where) return undefined;
  return where === "unknown" ? `Where it died is not known (${text(r["died_reason"])})` : `It died here: ${where}`;
}

function LogRow({ row, dated }: { row: Row; dated: boolean }): JSX.Element {
  const r = row.record;
  const look = outcomeLook(text(r.rcode));
  const server = r.servers?.[0];
  const n = r.count ?? 0;
  const open = view.value.sel === row.row;
  return (
    <tr class={`${open ? "open" : ""}${r.scope === "search" ? " search" : ""}`} data-row={row.row} aria-current={open ? "true" : undefined}
      onClick={(e) => { if (!(e.target as Element).closest("a,button") && !String(getSelection())) follow(e, { sel: row.row }); }}>
      <td class="c-time"><Time row={row} dated={dated} />{n > 1 && <span class="times" title={`${exact(n)} transactions in this row`}> ×{count(n)}</span>}
        {r["late"] === true && <span class="times" title="The reply came after its query had been reported as unanswered"> late</span>}</td>
      <td class="c-client"><span class="pair">
        <Filter field="client_namespace" value={text(r.client_namespace)} class="side"><Name value={text(r.client_namespace)} none="no namespace" /></Filter>
        <span class="slash">/</span>
        <Filter field="client_name" value={text(r.client_name)}><Name value={text(r.client_name)} none={text(r.client_ip) || "no pod"} /></Filter></span></td>
      <td class="c-name"><Asked r={r} /></td>
      <td class="c-type"><Filter field="qtype" value={text(r.qtype)}>{text(r.qtype) || "–"}</Filter></td>
      <td class="c-code" title={died(r)}><span class={`glyph ${look.cls}`} aria-hidden="true">{look.glyph}</span>
        <Filter field="rcode" value={text(r.rcode)}>{visible(look.label)}</Filter></td>
      <td class="c-lat" title={n > 1 && r.latency_max !== undefined ? `mean; longest ${latency(r.latency_max)}` : undefined}>{latency(r.latency_mean)}</td>
      <td class="c-server">{server?.ip ? <Filter field="servers.ip" value={server.ip}>{server.ip}</Filter> : <span class="none">–</span>}</td>
      <td class={`c-answers${isBlocked(r) ? " judged" : ""}`}>{isBlocked(r) && <Verdict r={r} />}<Answers record={r} /></td>
    </tr>
  );
}

function GapRow({ row }: { row: Row }): JSX.Element {
  const r = row.record;
  const who = `${text(r.client_namespace) || "no namespace"}/${text(r.client_name) || "no pod"}`;
  return (
    <tr class="gap" data-row={row.row}>
      <td colSpan={8}>
        <span class="gap-time">{clock(text(r.start_time))} – {clock(text(r.end_time))}</span>{" "}
        <b>{exact(r.count ?? 0)}</b> packets of <Name value={who} />
        {r.node ? <> on <Name value={r.node} /></> : null} are not in the log: {reasonWords(text(r.reason))}
      </td>
    </tr>
  );
}

function More({ logs }: { logs: Logs }): JSX.Element {
  const problem = useSignal<string>(""), loading = useSignal(false);
  const more = async (): Promise<void> => {
    loading.value = true;
    problem.value = "";
    try { await d.loadMore(); }
    catch (e) { if (e instanceof Problem) problem.value = e.message; else throw e; }
    finally { loading.value = false; }
  };
  return (
    <div class="more-rows">
      {logs.next_cursor
        ? <button type="button" id="load-more" disabled={loading.value} onClick={() => void more()}>{loading.value ? "Loading…" : `Load ${d.PAGE_ROWS} more`}</button>
        : <span class="none">End of the range: all {exact(logs.rows.length)} rows are shown.</span>}
      {problem.value && <span role="alert" class="problem">{problem.value}</span>}
      {logs.unreadable.length > 0 && <span role="alert" class="problem" id="unreadable">{exact(logs.unreadable.length)} stored rows
        cannot be read: {logs.unreadable.slice(0, 3).map((u) => `row ${u.row} (${visible(u.reason)})`).join(", ")}{logs.unreadable.length > 3 ? ", …" : ""}</span>}
    </div>
  );
}

const HEAD = ["Time UTC", "Client", "Name asked", "Type", "Code", "Latency", "Server", "Answers"];

function Table({ logs }: { logs: Logs }): JSX.Element {
  const dated = day(logs.range.from) !== day(logs.range.to);
  const all = entries(logs, d.gaps.data.value);
  const reads = (on: boolean) => (): void => { d.reading.value = on || view.value.sel !== ""; };
  return (
    <>
      <div class="table-box" onPointerEnter={reads(true)} onPointerLeave={reads(false)}>
        <table class="log">
          <thead><tr>{HEAD.map((h) => <th key={h} scope="col">{h}</th>)}</tr></thead>
          <tbody>{all.map((e) => "row" in e ? <LogRow key={e.row.row} row={e.row} dated={dated} /> : <GapRow key={`gap ${e.gap.row}`} row={e.gap} />)}</tbody>
        </table>
      </div>
      <More logs={logs} />
    </>
  );
}

function LossBanner(): JSX.Element | null {
  const loss = d.loss.value;
  if (!loss || loss.packets === 0) return null;
  const reasons = Object.entries(loss.reasons).map(([r, n]) => `${exact(n)} ${reasonWords(r)}`).join(", ");
  return <p class="banner" id="log-loss">Incomplete: {exact(loss.packets)} packets of this range are not in the log ({reasons}).</p>;
}

function Pending(): JSX.Element {
  const n = d.pending.value;
  const show = (): void => { d.reading.value = false; void d.load(true); };
  const words = `${n >= d.PAGE_ROWS ? `${n}+` : n} new ${n === 1 ? "row" : "rows"}`;
  return (
    <span class="pending" role="status">
      {n > 0 && <>{words}. <button type="button" class="link" onClick={show}>Show</button></>}
    </span>
  );
}

export function LogPanel(): JSX.Element {
  return (
    <Panel id="log" title="Log" unit="newest first" class="full" extra={<Pending />}>
      <LossBanner />
      <State of={d.logs} isEmpty={(l) => l.rows.length === 0} empty="No row matches in this range." skeleton="table">
        {(logs) => <Table logs={logs} />}
      </State>
    </Panel>
  );
}
