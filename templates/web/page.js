// The phone page: shows what the server says, and hands over taps and lines. It decides nothing.

const $ = (selector, from = document) => from.querySelector(selector);
const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];
const words = document.body.dataset;
const csrf = $('meta[name=csrf]')?.content;

const toast = (() => {
  let timer;
  return (text) => {
    const box = $('#toast');
    if (!box || !text) return;
    box.textContent = text;
    box.hidden = false;
    clearTimeout(timer);
    timer = setTimeout(() => { box.hidden = true; }, 6000);
  };
})();

/** Posts JSON. The answer's own text, or a word that it was lost. */
async function post(address, body) {
  try {
    const headers = { 'content-type': 'application/json', ...(csrf ? { 'x-csrf': csrf } : {}) };
    const response = await fetch(address, { method: 'POST', headers, body: JSON.stringify(body) });
    const answer = response.status === 204 ? {} : await response.json().catch(() => ({}));
    return { arrived: true, ok: response.ok, status: response.status, text: answer.text ?? answer.detail ?? '' };
  } catch {
    return { arrived: false, ok: false, status: 0, text: words.lost };
  }
}

/** Asks a person: yes or no, or for some words. `null` when they would rather not. */
function ask(question, wantsWords) {
  const dialog = $('#ask');
  const input = $('#answer');
  $('#question').textContent = question;
  input.hidden = !wantsWords;
  input.value = '';
  dialog.returnValue = 'no';
  dialog.showModal();
  (wantsWords ? input : $('#sure')).focus();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes' ? input.value : null), { once: true });
  });
}

// ---- cards

const cardOf = (element) => element?.closest?.('.card');

/** A long command must be read to its end before it can be approved. */
function gate(card) {
  const block = $('pre', card);
  const approvals = $$('button.approve', card);
  if (!block || !approvals.length || block.dataset.read) return;
  const atEnd = () => block.scrollTop + block.clientHeight >= block.scrollHeight - 4;
  if (atEnd()) return;
  for (const button of approvals) {
    button.disabled = true;
    button.title = words.read;
  }
  block.addEventListener('scroll', function look() {
    if (!atEnd()) return;
    block.dataset.read = '1';
    block.removeEventListener('scroll', look);
    for (const button of approvals) {
      button.disabled = false;
      button.title = '';
    }
  });
}

function countdown() {
  for (const card of $$('.card.needs[data-due]')) {
    const due = Number(card.dataset.due);
    const foot = $('footer', card);
    if (!due || !foot) continue;
    const left = Math.max(0, Math.round((due - Date.now()) / 1000));
    let place = $('.left', foot);
    if (!place) {
      place = Object.assign(document.createElement('span'), { className: 'left' });
      foot.prepend(place);
    }
    const text = left >= 90 ? `${Math.round(left / 60)} min` : `${left} s`;
    place.textContent = `${words.expires} ${text}`;
  }
}

async function tap(button) {
  const card = cardOf(button);
  let why = '';
  if (button.dataset.why) {
    why = await ask(words.why, true);
    if (why === null) return;
  } else if (button.classList.contains('danger')) {
    if (await ask(`${button.textContent} — ${words.confirm}`, false) === null) return;
  }
  const buttons = $$('button[data-token]', card).filter((one) => !one.disabled);
  const label = button.textContent;
  // A disabled button loses the focus; whoever uses a keyboard stays on the card.
  if (card.contains(document.activeElement)) card.focus({ preventScroll: true });
  for (const one of buttons) one.disabled = true;
  button.textContent = words.sending;
  const answer = await post('/act', { token: button.dataset.token, why });
  toast(answer.text);
  // What was decided comes back as the card itself; until then a second tap does nothing.
  if (!answer.arrived || !answer.ok) {
    button.textContent = label;
    for (const one of buttons) one.disabled = false;
    if (answer.arrived && answer.status === 409) refresh(card);
  } else {
    setTimeout(() => {
      if (!button.isConnected) return;
      button.textContent = label;
      for (const one of buttons) one.disabled = false;
    }, 4000);
  }
}

async function refresh(card) {
  const response = await fetch(`/card/${card.dataset.copy}`, { headers: { accept: 'text/x-card' } }).catch(() => null);
  if (response?.ok) put({ copy: Number(card.dataset.copy), html: await response.text() });
}

// ---- the feed

const waiting = new Map();
let touched = 0;
const isBusy = () => Date.now() - touched < 1500 || scrollY > 240;

function element(html) {
  const box = document.createElement('template');
  box.innerHTML = html;
  return box.content.firstElementChild;
}

/** Shows a card: in its old place if it is there, else on top, without moving under a finger. */
function put(drawn) {
  const fresh = element(drawn.html);
  const old = document.getElementById(`card-${drawn.copy}`);
  const needs = fresh.classList.contains('needs');
  const home = needs ? $('#needs') : $('#feed');
  if (!home) return;
  if (old) {
    if (Number(old.dataset.changed) > Number(fresh.dataset.changed)) return;
    const hadFocus = old.contains(document.activeElement);
    if (old.parentElement === home) old.replaceWith(fresh);
    else {
      old.remove();
      place(home, fresh);
    }
    if (hadFocus) fresh.focus({ preventScroll: true });
  } else if (!needs && isBusy()) {
    waiting.set(drawn.copy, drawn);
    pill();
    return;
  } else {
    fresh.classList.add('fresh');
    place(home, fresh);
  }
  // Shown first: what is hidden has no height, and looks as if it had been read to its end.
  tidy();
  gate(fresh);
}

function place(home, card) {
  if (home.id !== 'needs') {
    home.prepend(card);
    return;
  }
  const due = Number(card.dataset.due) || Infinity;
  const later = $$('.card', home).find((other) => (Number(other.dataset.due) || Infinity) > due);
  if (later) later.before(card);
  else home.append(card);
}

function pill() {
  const button = $('#fresh');
  if (!button) return;
  button.hidden = waiting.size === 0;
  button.textContent = `${waiting.size} ${words.new}`;
}

function showWaiting() {
  for (const drawn of waiting.values()) {
    const fresh = element(drawn.html);
    $('#feed').prepend(fresh);
    gate(fresh);
  }
  waiting.clear();
  pill();
  tidy();
  scrollTo({ top: 0 });
}

function tidy() {
  const needs = $('#needs');
  if (needs) needs.hidden = !$('.card', needs);
  const empty = $('#empty');
  if (empty) empty.hidden = !!$('.card');
  const count = $$('#needs .card').length;
  document.title = count ? `(${count}) sereno` : 'sereno';
  navigator.setAppBadge?.(count).catch(() => {});
  countdown();
}

// ---- live

/** Longer than the server is ever silent. */
const SILENCE = 40_000;
let source;
let since = words.since || 0;
let heard = Date.now();
let tried = heard;
let live = false;

function link() {
  const box = $('#link');
  if (!box) return;
  const age = Math.round((Date.now() - heard) / 1000);
  box.classList.toggle('on', live);
  box.classList.toggle('off', !live);
  const text = live ? words.live : `${words.reconnecting}, ${words.last} ${age} s`;
  if (box.textContent !== text) box.textContent = text;
}

/** Whether we are still signed in, as far as the server can be asked. */
async function leaveWhenSignedOut() {
  const response = await fetch('/head').catch(() => null);
  if (response?.status === 401) location.replace('/');
}

function connect() {
  source?.close();
  tried = Date.now();
  source = new EventSource(`/stream?since=${since}`);
  source.addEventListener('open', () => { live = true; heard = Date.now(); link(); });
  source.addEventListener('error', () => {
    live = false;
    link();
    // The browser tries again by itself, except after an answer that is no stream.
    if (source.readyState === EventSource.CLOSED) leaveWhenSignedOut().then(() => setTimeout(connect, 3000));
  });
  source.addEventListener('alive', () => { heard = Date.now(); });
  source.addEventListener('card', (event) => {
    heard = Date.now();
    since = event.lastEventId || since;
    const drawn = JSON.parse(event.data);
    const known = document.getElementById(`card-${drawn.copy}`);
    put(drawn);
    if (!known) $(drawn.needs ? '#urgent' : '#polite').textContent = drawn.title;
  });
  source.addEventListener('head', (event) => {
    heard = Date.now();
    const head = JSON.parse(event.data);
    const sentence = $('#sentence');
    sentence.textContent = head.sentence;
    sentence.className = `mood ${head.mood}`;
    renew();
  });
}

let again;

/** Draws a view anew, and once more: the rows that it shows may follow a moment later, or a finger is on them. */
function renew() {
  reload();
  clearTimeout(again);
  again = setTimeout(reload, 2000);
}

/** Views other than the feed are drawn anew by the server. */
async function reload() {
  if (!['agents', 'cost'].includes(words.view) || isBusy()) return;
  const response = await fetch(location.pathname, { headers: { accept: 'text/x-view' } }).catch(() => null);
  if (!response?.ok || response.redirected) return;
  const focused = document.activeElement?.dataset?.say;
  $('#main').innerHTML = await response.text();
  if (focused) $(`[data-say="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

// ---- the command line

let catalogue = null;
let past = [];
let back = 0;
let asked = 0;

async function offers() {
  const line = $('#line').value;
  if (!line.startsWith('/')) return [];
  catalogue ??= await fetch('/complete').then((r) => r.json()).catch(() => null);
  if (!catalogue) return [];
  const [name, ...args] = line.slice(1).split(/\s+/);
  if (!args.length) {
    const begins = (one) => [one.name, ...one.aliases].some((word) => word.startsWith(name.toLowerCase()));
    return catalogue.commands.filter(begins).map((one) => ({ text: `/${one.name} `, label: `/${one.name} ${one.usage}`, note: one.summary }));
  }
  const spec = catalogue.commands.find((one) => one.name === name || one.aliases.includes(name));
  const kind = spec?.args[args.length - 1];
  const typed = args.at(-1).toLowerCase();
  const head = line.slice(0, line.length - args.at(-1).length);
  const fits = (one) => `${one.id} ${one.name ?? ''}`.toLowerCase().includes(typed);
  return (catalogue[kind] ?? []).filter(fits).slice(0, 12).map((one) => ({ text: `${head}${one.id} `, label: one.id, note: one.name ?? '' }));
}

async function offer() {
  const list = $('#offers');
  const turn = ++asked;
  const found = await offers();
  // The line was sent, or changed, while the catalogue was on its way.
  if (turn !== asked) return;
  list.replaceChildren(...found.slice(0, 12).map((one, index) => {
    const item = Object.assign(document.createElement('li'), { id: `offer-${index}` });
    item.setAttribute('role', 'option');
    item.setAttribute('aria-selected', 'false');
    item.dataset.text = one.text;
    item.append(one.label, Object.assign(document.createElement('small'), { textContent: one.note }));
    return item;
  }));
  list.hidden = !found.length;
  $('#line').setAttribute('aria-expanded', String(!!found.length));
}

function choose(step) {
  const items = $$('#offers li');
  if (!items.length) return false;
  const at = items.findIndex((item) => item.getAttribute('aria-selected') === 'true');
  const next = (at + step + items.length + (at < 0 && step < 0 ? 1 : 0)) % items.length;
  items.forEach((item, index) => item.setAttribute('aria-selected', String(index === next)));
  items[next].scrollIntoView({ block: 'nearest' });
  $('#line').setAttribute('aria-activedescendant', items[next].id);
  return true;
}

function accept(item) {
  const line = $('#line');
  line.value = item.dataset.text;
  line.removeAttribute('aria-activedescendant');
  line.focus();
  offer();
}

function closeOffers() {
  asked += 1;
  $('#offers').hidden = true;
  $('#line').setAttribute('aria-expanded', 'false');
}

async function say(text) {
  const line = $('#line');
  past.push(text);
  back = past.length;
  closeOffers();
  const answer = await post('/say', { text });
  if (answer.arrived) {
    line.value = '';
    catalogue = null;
    // The answer is a card in the feed; only a refusal says so at once.
    if (!answer.ok) toast(answer.text);
    if (words.view !== 'feed') location.href = '/';
  } else toast(answer.text);
}

function lineKeys(event) {
  const line = $('#line');
  const open = !$('#offers').hidden;
  if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
    const step = event.key === 'ArrowDown' ? 1 : -1;
    if (open && choose(step)) event.preventDefault();
    else if (past.length) {
      back = Math.min(past.length, Math.max(0, back + step));
      line.value = past[back] ?? '';
      event.preventDefault();
    }
  } else if (event.key === 'Tab' && open && !event.shiftKey) {
    const item = $('#offers li[aria-selected=true]') ?? $('#offers li');
    if (item) {
      event.preventDefault();
      accept(item);
    }
  } else if (event.key === 'Enter' && open) {
    const item = $('#offers li[aria-selected=true]');
    if (item) {
      event.preventDefault();
      accept(item);
    }
  } else if (event.key === 'Escape') {
    if (open) closeOffers();
    else line.blur();
  }
}

// ---- keys

function move(step) {
  const cards = $$('.card');
  if (!cards.length) return;
  const at = cards.indexOf(cardOf(document.activeElement));
  const next = at < 0 ? (step > 0 ? 0 : cards.length - 1) : Math.min(cards.length - 1, Math.max(0, at + step));
  cards[next].focus();
}

async function decide(style, index) {
  const card = cardOf(document.activeElement) ?? $('#needs .card');
  const button = card && $$(`.buttons button.${style}`, card)[index];
  if (!button || button.disabled) return;
  if (await ask(`${$('h3', card).textContent} — ${button.textContent}?`, false) !== null) tap(button);
}

function keys(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || $('#ask').open) return;
  if (event.target.matches('input, textarea')) return;
  const actions = {
    j: () => move(1), k: () => move(-1), a: () => decide('approve', 0), d: () => decide('plain', 0),
    '/': () => { $('#line').value = '/'; $('#line').focus(); offer(); }, '?': () => toast(words.keys),
  };
  const action = actions[event.key];
  if (action) {
    event.preventDefault();
    action();
  }
}

// ---- start

function signIn() {
  const token = new URLSearchParams(location.hash.slice(1)).get('signin');
  $('#with-link').hidden = !token;
  $('#without-link').hidden = !!token;
  $('#signin').addEventListener('click', async () => {
    $('#signin').disabled = true;
    const answer = await post('/signin', { token });
    if (answer.ok) location.replace('/');
    else {
      $('#signin').disabled = answer.arrived;
      $('#result').textContent = answer.arrived ? words.invalid : answer.text;
    }
  });
}

function start() {
  if (words.view === 'signin') return signIn();
  document.addEventListener('click', (event) => {
    const button = event.target.closest('button');
    const option = event.target.closest('#offers li');
    if (option) accept(option);
    else if (button?.dataset.token) tap(button);
    else if (button?.dataset.say) say(button.dataset.say);
    else if (button?.id === 'never') $('#ask').close('no');
    else if (button?.id === 'fresh') showWaiting();
    else if (button?.id === 'signout') post('/signout', {}).then(() => location.replace('/'));
    else if (!event.target.closest('#say')) closeOffers();
  });
  document.addEventListener('pointerdown', () => { touched = Date.now(); });
  document.addEventListener('keydown', keys);
  $('#line').addEventListener('input', offer);
  $('#line').addEventListener('keydown', lineKeys);
  $('#say').addEventListener('submit', (event) => {
    event.preventDefault();
    const text = $('#line').value.trim();
    if (text) say(text);
  });
  $$('.card').forEach(gate);
  tidy();
  setInterval(() => {
    countdown();
    if (Date.now() - Math.max(heard, tried) > SILENCE) {
      live = false;
      connect();
    }
    link();
  }, 5000);
  connect();
}

start();
