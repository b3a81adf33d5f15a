// SPDX-License-Identifier: Apache-2.0
// Starts the page: header, panels, log, detail; keys that work outside of inputs.
import { effect } from "@preact/signals";
import { render, type JSX } from "preact";
import { Alerts } from "./alerts";
import { load, start } from "./data";
import { Detail } from "./detail";
import { Header } from "./header";
import { LogPanel } from "./log";
import { Overview } from "./overview";
import { Policies } from "./policies";
import "./style.css";
import { go, ROUTES, view, type Route } from "./url";

/** Fills of SVG marks that are not one colour; they are looked up by id in the whole document. */
function Patterns(): JSX.Element {
  return (
    <svg class="patterns" width="0" height="0" aria-hidden="true">
      <defs>
        <pattern id="stripe" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
          <rect class="stripe-back" width="5" height="5" /><rect class="stripe-line" width="2.5" height="5" />
        </pattern>
        <pattern id="cross" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
          <rect class="cross-back" width="5" height="5" /><path class="cross-line" d="M0 0V5M0 0H5" />
        </pattern>
        <pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(-45)">
          <rect class="hatch-line" width="1.5" height="6" />
        </pattern>
      </defs>
    </svg>
  );
}

function App(): JSX.Element {
  const { page } = view.value;
  return (
    <>
      <a class="skip" href="#main">Skip to the content</a>
      <Patterns />
      <Header />
      <main id="main" tabIndex={-1}>
        {page === "/alerts" ? <Alerts /> : page === "/policies" ? <Policies /> : <><Overview /><LogPanel /></>}
      </main>
      {page === "/" && <Detail />}
    </>
  );
}

/** The second key after `g`. */
const GO: Record<string, Route> = { o: "/", a: "/alerts", y: "/policies" };
let before = "";

document.addEventListener("keydown", (e) => {
  const inside = (e.target as Element).closest("input,textarea,select,dialog");
  if (inside || e.ctrlKey || e.metaKey || e.altKey) return;
  if (e.key === "/") { e.preventDefault(); document.querySelector<HTMLInputElement>("#filter")?.focus(); }
  if (e.key === "r") void load(false);
  const page = before === "g" ? GO[e.key] : undefined;
  if (page) go({ page, sel: "" });
  before = e.key;
});

effect(() => { document.title = view.value.page === "/" ? "nametap" : `${ROUTES[view.value.page]} · nametap`; });
start();
render(<App />, document.getElementById("app")!);
