// Keeps what is marked `data-live` as the server has it, without a reload.

const EVERY_MS = 1500;
const LONGEST_PAUSE_MS = 30_000;

// The area as the server last had it: what the reader has opened in it is no news.
let known = "";

const states = (root) => {
  const found = new Map();
  for (const item of root.querySelectorAll("[data-state]")) found.set(item.id, item.dataset);
  return found;
};

// Says in words what changed, for those who listen to the page.
function announce(before, after, speaker) {
  const news = [];
  for (const [id, { state, name }] of after) {
    if (before.has(id) && before.get(id).state !== state) news.push(`${name}: ${state}`);
  }
  if (news.length) speaker.textContent = news.join(". ");
}

function replace(area, fresh) {
  const focused = area.contains(document.activeElement) ? document.activeElement : null;
  const again = focused && (focused.id ? `#${CSS.escape(focused.id)}` : focused.getAttribute("href") && `a[href="${CSS.escape(focused.getAttribute("href"))}"]`);
  for (const opened of area.querySelectorAll("details[open][id]")) fresh.querySelector(`#${CSS.escape(opened.id)}`)?.setAttribute("open", "");
  area.innerHTML = fresh.innerHTML;
  if (again) area.querySelector(again)?.focus({ preventScroll: true });
}

async function update(area, speaker) {
  const answer = await fetch(location.href, { headers: { "X-Live": "1" }, credentials: "same-origin", cache: "no-store" });
  if (answer.redirected) return location.reload();
  if (!answer.ok) throw new Error(String(answer.status));
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(area.id);
  if (!fresh || fresh.innerHTML === known) return undefined;
  known = fresh.innerHTML;
  const [before, after] = [states(area), states(fresh)];
  replace(area, fresh);
  return announce(before, after, speaker);
}

export function keepLive() {
  const area = document.querySelector("[data-live]");
  if (!area) return;
  known = area.innerHTML;
  const speaker = document.createElement("p");
  speaker.className = "visually-hidden";
  speaker.setAttribute("role", "status");
  document.body.append(speaker);
  let pause = EVERY_MS;
  let timer;
  const turn = async () => {
    try {
      if (!area.querySelector("[data-hold]")) await update(area, speaker);
      pause = EVERY_MS;
    } catch {
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
    }
    if (!document.hidden) timer = setTimeout(turn, pause);
  };
  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (!document.hidden) turn();
  });
  timer = setTimeout(turn, pause);
}
