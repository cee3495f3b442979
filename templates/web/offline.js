// What was seen last, while there is no network: with its age, and without anything to tap.

const $ = (selector) => document.querySelector(selector);
const words = document.body.dataset;

/** The time of day, with the date when it is another one. */
function clock(at, lang) {
  const day = { day: 'numeric', month: 'short' };
  const today = new Date(at).toDateString() === new Date().toDateString();
  return new Date(at).toLocaleString(lang, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23', ...(today ? {} : day) });
}

const kept = await caches.open('sereno-state').then((state) => state.match('/state')).catch(() => undefined);
const state = await kept?.json().catch(() => undefined);
if (state) {
  $('#link').textContent = words.asOf.replace('{}', clock(state.at, document.documentElement.lang));
  $('#sentence').textContent = state.sentence;
  $('#sentence').hidden = false;
  $('#main').lang = state.lang;
  $('#main').innerHTML = state.html;
}

const look = () => fetch('/healthz', { cache: 'no-store' }).then((answer) => { if (answer.ok) location.reload(); }, () => {});
addEventListener('online', look);
setInterval(look, 5000);
$('.again').addEventListener('click', (event) => {
  event.preventDefault();
  location.reload();
});
