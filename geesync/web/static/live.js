// Keeps the page fresh: fetches it again and puts in what differs. The server renders everything
// once, for readers with and without JavaScript.
"use strict";

const EVERY_MS = 5000;
const said = document.getElementById("live");

async function refresh() {
  if (document.hidden) return;
  try {
    const answer = await fetch(location.href, { cache: "no-store" });
    if (!answer.ok) throw new Error(answer.statusText);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of document.querySelectorAll("[data-live]")) {
      const other = fresh.getElementById(part.id);
      if (!other || other.innerHTML === part.innerHTML) continue;
      // Whoever is reading there with the keyboard must not lose the place.
      if (part.contains(document.activeElement)) continue;
      part.replaceChildren(...document.importNode(other, true).childNodes);
    }
    document.title = fresh.title;
    say("");
  } catch {
    say(" · not connected; trying again");
  }
}

function say(text) {
  if (said.textContent !== text) said.textContent = text;
}

setInterval(refresh, EVERY_MS);
document.addEventListener("visibilitychange", refresh);
