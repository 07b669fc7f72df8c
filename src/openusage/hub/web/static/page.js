// Keeps the page up to date: hears that something has changed, asks what, and leaves alone what the viewer holds.
"use strict";

(() => {
  const LEAST_MS = 250; // between two questions; twice as long as the last answer took, when that is more
  const POLL_MS = 3000; // while no stream tells of changes
  const NET_MS = 60_000; // below a stream: forecasts move by the minute
  const AGAIN_MS = 2500; // after a change: under load a hub answers for a moment from what it knew
  const MOST_WAIT_MS = 30_000; // for a hub that does not answer
  const at = (selector) => document.querySelector(selector);

  // -- asking ---------------------------------------------------------------------------------

  let asking = false;
  let asked = -Infinity;
  let took = 0;
  let timer = 0;
  let answered = performance.now();
  let failures = 0;

  /** Asks what has changed, soon: now, or when the last question is old enough. */
  function soon(delay = 0) {
    if (document.hidden) return;
    const wait = Math.max(delay, Math.max(LEAST_MS, 2 * took) - (performance.now() - asked));
    clearTimeout(timer);
    timer = setTimeout(ask, Math.max(0, wait));
  }

  function ask() {
    const live = at("#live");
    if (!live || asking) return;
    asking = true;
    asked = performance.now();
    htmx.trigger(live, "live");
  }

  const isLive = (event) => event.detail?.ctx?.sourceElement?.id === "live";

  document.addEventListener("htmx:finally:request", (event) => {
    if (!isLive(event)) return;
    asking = false;
    took = performance.now() - asked;
    const status = event.detail.ctx.response?.status ?? 0;
    if (status >= 200 && status < 500) {
      answered = performance.now();
      if (failures) say("");
      failures = 0;
      if (at("#live[data-more]")) asked = -Infinity;
      soon(at("#live[data-more]") ? 0 : streaming ? NET_MS : POLL_MS);
    } else {
      failures += 1;
      const wait = Math.min(MOST_WAIT_MS, 1000 * 2 ** failures);
      if (failures === 1) unreachable(status);
      soon(wait);
    }
  });

  function unreachable(status) {
    const why = status ? `it answers ${status}` : "no connection";
    const since = new Date(Date.now() - (performance.now() - answered));
    const clock = since.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hour12: false });
    say(`${location.host} does not answer (${why}). Showing data from ${clock}. Trying again.`);
  }

  document.addEventListener("htmx:response:error", (event) => {
    if (!isLive(event)) say(`${location.host} answers ${event.detail.ctx.response.status}. Try again.`);
  });

  /** To everybody who looks or listens. */
  function say(text) {
    at("#status").textContent = text;
  }

  // -- hearing --------------------------------------------------------------------------------

  let stream = null;
  let again = 0;
  let streaming = false;

  function listen() {
    if (document.hidden || stream) return;
    stream = new EventSource(at("#page").dataset.stream);
    stream.onopen = () => (streaming = true);
    for (const kind of ["hello", "reset", "machine", "usage", "snapshots"]) {
      stream.addEventListener(kind, () => {
        soon();
        clearTimeout(again);
        again = setTimeout(soon, AGAIN_MS);
      });
    }
    stream.onerror = () => {
      streaming = false;
      soon(POLL_MS);
      if (stream?.readyState === EventSource.CLOSED) {
        stream = null;
        setTimeout(listen, NET_MS);
      }
    };
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      stream?.close();
      stream = null;
      streaming = false;
    } else {
      listen();
      soon();
    }
  });

  // -- what is old ----------------------------------------------------------------------------

  let hubAhead = 0; // milliseconds that the hub's clock is ahead of this one's
  let told = "";

  function tick() {
    const updated = at("#updated");
    if (updated && updated.dateTime !== told) {
      told = updated.dateTime;
      hubAhead = Date.parse(told) - Date.now();
    }
    renew([...document.querySelectorAll("time[data-age], time[data-until]")]);
  }

  /** Some at a time: to lay out hundreds anew at once takes longer than a frame. */
  function renew(times) {
    const now = Date.now() + hubAhead;
    let left = 100;
    while (times.length && left > 0) {
      const time = times.shift();
      const moment = Date.parse(time.dateTime);
      let text;
      if (time.id === "updated") text = words.age((performance.now() - answered) / 1000);
      else if ("until" in time.dataset) text = words.duration((moment - now) / 1000);
      else text = words.age((now - moment) / 1000);
      if (time.textContent === text) continue;
      time.textContent = text;
      left -= 1;
    }
    if (times.length) requestAnimationFrame(() => renew(times));
  }

  // -- what changes under the viewer's eyes ---------------------------------------------------

  let swapping = false;

  const changes = new MutationObserver((records) => {
    if (!swapping) return;
    for (const record of records) {
      if (record.type === "attributes") {
        const row = record.target;
        const state = row.dataset.state;
        if (state && record.oldValue && state !== record.oldValue) {
          say(`${row.querySelector(".name a, .name > span:last-child").textContent} is ${state}`);
        }
        continue;
      }
      const node = record.target.nodeType === Node.TEXT_NODE ? record.target.parentElement : record.target;
      const figure = node?.closest?.(".n, .pct");
      figure?.classList.add("glow");
    }
  });

  document.addEventListener("animationend", (event) => event.target.classList.remove("glow"));

  /** Puts rows into their order, with as few moves as it takes; not under the viewer's hand. */
  function arrange() {
    const order = at("#order[data-ids]");
    const rows = at("#rows");
    if (!order || !rows || rows.matches(":hover, :focus-within")) return;
    let next = rows.firstElementChild;
    for (const id of order.dataset.ids.split(" ")) {
      const row = document.getElementById(id);
      if (!row) continue;
      if (row === next) next = next.nextElementSibling;
      else rows.insertBefore(row, next);
    }
    order.removeAttribute("data-ids");
  }

  document.addEventListener("htmx:before:swap", (event) => {
    swapping = isLive(event);
  });
  document.addEventListener("htmx:after:swap", (event) => {
    arrange();
    plot.sync();
    tick();
    if (!isLive(event)) {
      watch();
      settleZone();
    }
    setTimeout(() => (swapping = false));
  });

  function watch() {
    changes.disconnect();
    changes.observe(at("#page"), {
      subtree: true,
      characterData: true,
      childList: true,
      attributes: true,
      attributeFilter: ["data-state"],
      attributeOldValue: true,
    });
  }

  // -- whose days -----------------------------------------------------------------------------

  /** The address says whose days are shown; without a word in it, they are those of this browser. */
  function settleZone() {
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    if (!zone) return;
    const here = new URL(location.href);
    const cookie = `openusage_tz=${encodeURIComponent(zone)}`;
    if (!document.cookie.split("; ").includes(cookie)) {
      document.cookie = `${cookie}; Path=/; Max-Age=31536000; SameSite=Strict`;
    }
    if (here.searchParams.has("tz")) return;
    here.searchParams.set("tz", zone);
    const address = here.pathname + here.search;
    if (at("#tz").value === zone) return history.replaceState(history.state, "", address);
    htmx.ajax("GET", address, { target: "#page", select: "#page", swap: "outerMorph" }).then(() => {
      history.replaceState(history.state, "", address);
    });
  }

  // -------------------------------------------------------------------------------------------

  plot.sync();
  tick();
  watch();
  setInterval(tick, 1000);
  setInterval(arrange, 2000);
  settleZone();
  listen();
  soon(POLL_MS);
})();
