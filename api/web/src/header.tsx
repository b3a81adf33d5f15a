// SPDX-License-Identifier: Apache-2.0
// What is on the page always: name, filter, range, and the strip that says how far to trust it.
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import * as d from "./data";
import { ago, clock, count, day, exact, podName, share } from "./format";
import { FilterBox, Chips } from "./filter";
import { Name, ProblemNote, TermLink, To } from "./panel";
import type { Gap, Summary } from "./types";
import { follow, href, ROUTES, view, type Route } from "./url";
import { reasonWords } from "./words";

const PRESETS = [["5 m", "now-5m"], ["15 m", "now-15m"], ["1 h", "now-1h"], ["6 h", "now-6h"],
  ["24 h", "now-24h"], ["7 d", "now-7d"]] as const;

function RangeText(): JSX.Element {
  const r = d.summary.data.value?.range;
  if (!r) return <span class="range-text">UTC</span>;
  const same = day(r.from) === day(r.to);
  return (
    <span class="range-text" title={`${r.from} to ${r.to}`}>
      {same ? "" : `${day(r.from)} `}{clock(r.from, 0)} – {same ? "" : `${day(r.to)} `}{clock(r.to, 0)} UTC</span>
  );
}

function RangeChooser(): JSX.Element {
  const { from, to } = view.value;
  const custom = to !== "now" || !PRESETS.some(([, f]) => f === from);
  return (
    <nav class="range" aria-label="Time range">
      {PRESETS.map(([label, f]) => {
        const on = to === "now" && f === from;
        return (
          <a key={f} href={href({ from: f, to: "now", sel: "" })} class={on ? "on" : ""} aria-current={on ? "true" : undefined}
            onClick={(e) => follow(e, { from: f, to: "now", sel: "" })}>{label}</a>
        );
      })}
      {custom && <a class="on custom" href={href({ from: "now-15m", to: "now", sel: "" })} title="Back to the last 15 minutes"
        onClick={(e) => follow(e, { from: "now-15m", to: "now", sel: "" })}>custom ✕</a>}
    </nav>
  );
}

function LossText({ s }: { s: Summary }): JSX.Element {
  const loss = d.loss.value;
  if (!loss) return <span class="strip-item" id="strip-loss">Loss: not known yet</span>;
  if (s.coverage.nodes === 0) return <span class="strip-item" id="strip-loss">Loss: can't say, no agent has reported</span>;
  if (loss.packets === 0) return <span class="strip-item" id="strip-loss">Nothing lost in this range</span>;
  const whole = view.value.q.trim() === "" ? s.sums.queries + s.sums.replies + loss.packets : 0;
  const reasons = Object.entries(loss.reasons).sort((a, b) => b[1] - a[1]);
  return (
    <span class="strip-item loss" id="strip-loss">
      <b>{exact(loss.packets)}</b>{whole > 0 && <> of {count(whole)}</>} packets{whole > 0 && <> ({share(loss.packets, whole)})</>} not
      in the log:{" "}
      {reasons.map(([r, n], i) => <span key={r} title={r}>{i > 0 && ", "}{exact(n)} {reasonWords(r)}</span>)}
    </span>
  );
}

function NewestText({ s }: { s: Summary }): JSX.Element {
  if (s.newest === null) return <span class="strip-item" id="strip-newest">No record yet</span>;
  const behind = Date.parse(s.range.to) - Date.parse(s.newest);
  const old = d.live() && behind > 60_000;
  const date = day(s.newest) === day(s.range.to) ? "" : `${day(s.newest)} `;
  return (
    <span class={`strip-item${old ? " warn" : ""}`} id="strip-newest">
      {old && "⚠ "}data to {date}{clock(s.newest, 0)} UTC{old && `, ${ago(behind)} ago`}</span>
  );
}

function CoverageButton({ s, open }: { s: Summary; open: () => void }): JSX.Element {
  const { tapped, failed, nodes } = s.coverage;
  const bad = failed > 0 || tapped === 0;
  return (
    <button type="button" class={`strip-item link${bad ? " warn" : ""}`} id="strip-coverage" onClick={open}
      aria-haspopup="dialog" title="Which pods are covered, and why not">
      {bad && "⚠ "}Coverage {exact(tapped)}/{exact(tapped + failed)} pods on {exact(nodes)} {nodes === 1 ? "node" : "nodes"}
    </button>
  );
}

/** Connection lost: says since when and what is still shown. */
function Offline(): JSX.Element | null {
  const since = d.offlineSince.value;
  const now = useSignal(Date.now());
  useEffect(() => {
    const t = setInterval(() => { now.value = Date.now(); }, 1000);
    return () => clearInterval(t);
  }, []);
  if (since === null) return null;
  const until = d.summary.data.value?.range.to;
  return (
    <span class="strip-item warn" role="status" id="strip-offline">
      ⚠ Connection lost {ago(now.value - since)} ago, retrying.{until && ` Shown: until ${clock(until, 0)} UTC.`}</span>
  );
}

function TrustStrip(): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const s = d.summary.data.value;
  const open = (): void => { void d.loadCoverage(); dialog.current?.showModal(); };
  return (
    <div class={`strip${d.offlineSince.value !== null ? " lost" : ""}`} role="region" aria-label="How complete this is">
      {s ? <><CoverageButton s={s} open={open} /><LossText s={s} /><NewestText s={s} /></>
        : <span class="strip-item">{d.summary.problem.value ? "Coverage, loss and newest record: unknown" : "Asking for coverage and loss…"}</span>}
      {s && !s.exact && <span class="strip-item">figures are approximate</span>}
      <Offline />
      <RangeText />
      <CoverageDialog box={dialog} />
    </div>
  );
}

/** Milliseconds, because most gaps are shorter than a second. */
function gapText(g: Gap): string {
  const date = day(g.from);
  if (g.to === null) return `since ${date} ${clock(g.from)} UTC, still`;
  return `${date} ${clock(g.from)} – ${day(g.to) === date ? "" : `${day(g.to)} `}${clock(g.to)} UTC`;
}

function Endpoints(): JSX.Element {
  const c = d.coverage.data.value;
  if (d.coverage.problem.value) return <ProblemNote problem={d.coverage.problem.value} />;
  if (!c) return <p>Loading coverage…</p>;
  const failed = c.endpoints.filter((e) => e.state === "failed");
  const excluded = c.endpoints.filter((e) => e.state === "excluded");
  const adopted = c.endpoints.filter((e) => e.state === "tapped" && e.origin === "adopted");
  const lossy = c.endpoints.filter((e) => e.state !== "failed" && e.state !== "excluded" && e.unlogged > 0);
  const dropped = c.endpoints.filter((e) => e.before_tap > 0);
  const oneEnded = c.servers.filter((s) => s.ends !== "both");
  return (
    <>
      <p>{exact(c.tapped)} pods tapped, {exact(c.failed)} not tapped, {c.excluded > 0 && `${exact(c.excluded)} excluded, `}{exact(c.gone)} gone.</p>
      {failed.length > 0 && <><h3>Not tapped</h3>
        <ul>{failed.slice(0, 100).map((e) => <li key={e.node + e.namespace + e.name}><Name value={podName(e)} /> on <Name value={e.node} />: {e.reason || "reason unknown"}</li>)}</ul></>}
      {excluded.length > 0 && <><h3>Excluded</h3>
        <ul id="coverage-excluded">{excluded.slice(0, 100).map((e) => <li key={e.node + e.namespace + e.name}><Name value={podName(e)} /> on <Name value={e.node} />: {e.reason}</li>)}</ul></>}
      {adopted.length > 0 && <><h3>Ran before they were tapped</h3>
        <ul>{adopted.slice(0, 100).map((e) => <li key={e.node + e.namespace + e.name}><Name value={podName(e)} /> on <Name value={e.node} />: seen since {clock(e.since, 0)} UTC</li>)}</ul></>}
      {c.gaps.length > 0 && <><h3>Not tapped for a time</h3>
        <ul id="coverage-gaps">{c.gaps.slice(0, 100).map((g) => <li key={g.node + g.uid + g.host_ifname + g.from}>
          <Name value={podName(g)} /> on <Name value={g.node} />: {gapText(g)}: {g.reason}</li>)}</ul></>}
      {lossy.length > 0 && <><h3>Packets not in the log</h3>
        <ul>{lossy.slice(0, 100).map((e) => <li key={e.node + e.namespace + e.name}><Name value={podName(e)} />: {exact(e.unlogged)} of {exact(e.seen)} packets seen</li>)}</ul></>}
      {dropped.length > 0 && <><h3>Dropped before the tap</h3>
        <ul>{dropped.slice(0, 100).map((e) => <li key={e.node + e.namespace + e.name}><Name value={podName(e)} />: {exact(e.before_tap)} packets dropped before the tap (any protocol)</li>)}</ul></>}
      {oneEnded.length > 0 && <><h3>DNS servers seen at one end</h3>
        <ul id="coverage-servers">{oneEnded.slice(0, 20).map((s) => <li key={s.ip + s.port}>
          <Name value={s.ip} />{s.name && <> (<Name value={podName(s)} />)</>}: {s.detail}</li>)}</ul></>}
      <h3>Nodes</h3>
      <ul>{c.nodes.map((n) => <li key={n.node}><TermLink term={`node = "${n.node}"`}><Name value={n.node} /></TermLink>: last
        heard {clock(n.last_seen, 0)} UTC{n.missing_batches > 0 && `, ${exact(n.missing_batches)} batches missing`}{n.clock_off && n.clock_offset !== null && `, ⚠ clock is ${exact(Math.abs(n.clock_offset))} ms ${n.clock_offset > 0 ? "ahead" : "behind"}`}</li>)}</ul>
      {c.problems.length > 0 && <><h3>Objects that could not be read</h3>
        <ul>{c.problems.map((p) => <li key={p.path + p.line}>{p.path}:{p.line}: {p.message}</li>)}</ul></>}
    </>
  );
}

function CoverageDialog({ box }: { box: { current: HTMLDialogElement | null } }): JSX.Element {
  return (
    <dialog ref={box} class="sheet" aria-labelledby="coverage-title"
      onClick={(e) => { if (e.target === box.current) box.current?.close(); }}>
      <header><h2 id="coverage-title">Coverage</h2>
        <button type="button" class="quiet" aria-label="Close coverage" onClick={() => box.current?.close()}>✕</button></header>
      <div class="sheet-body" tabIndex={0}><Endpoints /></div>
    </dialog>
  );
}

function RefreshMark(): JSX.Element {
  const on = d.live() || view.value.page === "/alerts";
  const every = `${d.refreshMs.value / 1000} s`;
  return (
    <button type="button" class="quiet refresh" aria-label={on ? `Refresh, every ${every}` : "Refresh"} onClick={() => void d.load(false)}
      title={on ? `Refreshed every ${every} while this tab is visible` : "The range has ended; click to ask again"}>
      <span class={d.busy.value ? "spin" : ""} aria-hidden="true">⟳</span><span class="every">{on ? every : "refresh"}</span></button>
  );
}

/** The routes; filter and range travel along. */
function Pages(): JSX.Element {
  const open = d.rules.data.value?.rules.reduce((n, r) => n + r.open_events, 0) ?? 0;
  return (
    <nav class="pages" aria-label="Pages">
      {(Object.keys(ROUTES) as Route[]).map((page) => {
        const on = view.value.page === page;
        return (
          <a key={page} href={href({ page, sel: "" })} class={on ? "on" : ""} aria-current={on ? "page" : undefined}
            onClick={(e) => follow(e, { page, sel: "" })}>{ROUTES[page]}
            {page === "/alerts" && open > 0 && <b class="count" title={`${exact(open)} open ${open === 1 ? "event" : "events"}`}> {count(open)}</b>}</a>
        );
      })}
    </nav>
  );
}

export function Header(): JSX.Element {
  return (
    <header class="top">
      <div class="top-bar">
        <h1><To change={{ page: "/", q: "", from: "now-15m", to: "now" }}>nametap</To></h1>
        <Pages />
        <FilterBox />
        <RangeChooser />
        <RefreshMark />
      </div>
      <TrustStrip />
      <Chips />
    </header>
  );
}
