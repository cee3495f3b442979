// The phone page: shows what the server says, and hands over taps and lines. It decides nothing.

const $ = (selector, from = document) => from.querySelector(selector);
const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];
const words = document.body.dataset;
const csrf = $('meta[name=csrf]').content;

let fades;

function toast(text) {
  if (!text) return;
  Object.assign($('#toast'), { textContent: text, hidden: false });
  clearTimeout(fades);
  fades = setTimeout(() => { $('#toast').hidden = true; }, 6000);
}

/** How long an answer may take before what was sent counts as lost. */
const PATIENCE = 20_000;

/** Posts JSON. The answer's own text, or a word that it was lost. */
async function post(address, body) {
  try {
    const headers = { 'content-type': 'application/json', 'x-csrf': csrf };
    const signal = AbortSignal.timeout(PATIENCE);
    const response = await fetch(address, { method: 'POST', headers, body: JSON.stringify(body), signal });
    const answer = response.status === 204 ? {} : await response.json().catch(() => ({}));
    return { arrived: true, ok: response.ok, status: response.status, text: answer.text ?? answer.detail ?? '' };
  } catch {
    return { arrived: false, ok: false, status: 0, text: words.lost };
  }
}

/** Says a line, while a button tells that it is on its way. */
async function send(text, button) {
  const [label, hadFocus] = [button.textContent, document.activeElement === button];
  Object.assign(button, { disabled: true, textContent: words.sending });
  const answer = await post('/say', { text });
  Object.assign(button, { disabled: false, textContent: label });
  if (hadFocus) button.focus({ preventScroll: true });
  return answer;
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

/** Writes a text where it is another one: nothing is read out, or kept, twice. */
function write(place, text) {
  if (place.textContent !== text) place.textContent = text;
}

// ---- cards

const cardOf = (element) => element?.closest?.('.card');
const isShown = (element) => element.getClientRects().length > 0;

/** A long command must be read to its end before it can be approved; what is hidden was not read. */
function gate(card) {
  const block = $('pre', card);
  const approvals = $$('button.approve', card);
  if (!block || !approvals.length || block.dataset.read) return;
  const look = () => {
    if (!block.clientHeight || block.scrollTop + block.clientHeight < block.scrollHeight - 4) return;
    block.dataset.read = '1';
    block.removeEventListener('scroll', look);
    for (const button of approvals) Object.assign(button, { disabled: false, title: '' });
  };
  for (const button of approvals) Object.assign(button, { disabled: true, title: words.read });
  if (!block.dataset.gated) block.addEventListener('scroll', look);
  block.dataset.gated = '1';
  look();
}

function countdown() {
  for (const card of $$('.card.needs[data-due]')) {
    const due = Number(card.dataset.due);
    if (!due) continue;
    const left = Math.max(0, Math.round((due - Date.now()) / 1000));
    const place = $('.left', card) ?? Object.assign(document.createElement('span'), { className: 'left' });
    if (!place.parentElement) $('footer', card).prepend(place);
    write(place, `${words.expires} ${left >= 90 ? `${Math.round(left / 60)} min` : `${left} s`}`);
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
  const again = () => {
    button.textContent = label;
    for (const one of buttons) one.disabled = false;
  };
  // What was decided comes back as the card itself; until then a second tap does nothing.
  if (answer.ok) setTimeout(again, 4000);
  else again();
  if (answer.status === 409) refresh(card);
}

async function refresh(card) {
  const html = await part(`/card/${card.dataset.copy}`, 'text/x-card');
  if (html) put({ copy: Number(card.dataset.copy), html });
}

// ---- the feed

const waiting = new Map();
let touched = 0;
let held = false;
/** A finger is on the page, or was within so many milliseconds. */
const isTouched = (within = 1500) => held || Date.now() - touched < within;
const isBusy = () => isTouched() || scrollY > 240;

function element(html) {
  const box = document.createElement('template');
  box.innerHTML = html;
  return box.content.firstElementChild;
}

const isOlder = (card, than) => Number(card.dataset.changed) <= Number(than.dataset.changed);

/** A card in the place of an older one; whoever uses a keyboard stays on it. */
function replace(old, fresh) {
  const hadFocus = old.contains(document.activeElement);
  old.replaceWith(fresh);
  gate(fresh);
  if (hadFocus) fresh.focus({ preventScroll: true });
}

/** Shows a card: in its old place if it is there, else on top, without moving under a finger. */
function put(drawn) {
  putInDetail(drawn);
  const fresh = element(drawn.html);
  const old = document.getElementById(`card-${drawn.copy}`);
  const needs = fresh.classList.contains('needs');
  const home = needs ? $('#needs') : $('#feed');
  if (!home || (old && !isOlder(old, fresh))) return void waiting.delete(drawn.copy);
  if (old?.parentElement === home) replace(old, fresh);
  else if (isTouched(300) || (!old && !needs && isBusy())) {
    // Nothing moves now. Only what is merely new waits for a tap on the pill.
    waiting.set(drawn.copy, { ...drawn, moves: needs || !!old });
    if (old) replace(old, fresh);
    if (needs || old) setTimeout(showMoved, 300);
    pill();
    return;
  } else {
    const hadFocus = old?.contains(document.activeElement);
    old?.remove();
    fresh.classList.add('fresh');
    place(home, fresh);
    if (hadFocus) fresh.focus({ preventScroll: true });
  }
  waiting.delete(drawn.copy);
  pill();
  tidy();
  // Shown first: what is hidden has no height.
  gate(fresh);
}

/** What waits for this person, or does no longer, takes its place as soon as nothing is touched. */
function showMoved() {
  if (isTouched(300)) setTimeout(showMoved, 300);
  else [...waiting.values()].filter((drawn) => drawn.moves).forEach(put);
}

/** The selected card stands in the detail once more, under names of its own. */
function putInDetail(drawn) {
  const old = $(`#detail .card[data-copy="${drawn.copy}"]`);
  const fresh = element(drawn.html);
  if (!old || !isOlder(old, fresh)) return;
  for (const one of [fresh, $('h3', fresh)]) one.id = `d-${one.id}`;
  fresh.setAttribute('aria-labelledby', $('h3', fresh).id);
  replace(old, fresh);
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
  const count = [...waiting.values()].filter((drawn) => !drawn.moves).length;
  Object.assign($('#fresh'), { hidden: !count, textContent: `${count} ${words.new}` });
}

function showWaiting() {
  [touched, held] = [0, false];
  scrollTo({ top: 0 });
  [...waiting.values()].forEach(put);
}

function tidy() {
  $('#needs').hidden = !$('#needs .card');
  $('#empty').hidden = !!$('#list .card');
  countdown();
}

/** How many decisions wait: on the tab, and on the icon of the installed page. */
function badge(count) {
  document.title = count ? `(${count}) sereno` : 'sereno';
  navigator.setAppBadge?.(count).catch(() => {});
}

const called = new Set($$('#needs .card').map((card) => card.dataset.copy));

/** Reads out what has changed: politely, and once loudly what waits for this person. */
function announce(drawn, before) {
  const name = String(drawn.copy);
  if (drawn.needs && !called.has(name)) $('#urgent').textContent = drawn.title;
  else if (before !== drawn.title) $('#polite').textContent = drawn.title;
  if (drawn.needs) called.add(name);
}

// ---- live

/** Longer than the server is ever silent. */
const SILENCE = 40_000;
let source;
let since = words.since || 0;
let heard = Date.now();
let tried = heard;
let live = false;
/** How long we wait before we connect anew: longer each time, and not all pages at once. */
let wait = 1000;
let retry;

function link() {
  const box = $('#link');
  const age = Math.round((Date.now() - heard) / 1000);
  box.classList.toggle('on', live);
  box.classList.toggle('off', !live);
  write(box, live ? words.live : words.reconnecting.replace('{}', `${age} s`));
}

/** Whether we are still signed in, as far as the server can be asked. */
async function leaveWhenSignedOut() {
  const response = await fetch('/head').catch(() => null);
  if (response?.status === 401) location.replace('/');
}

function connect() {
  source?.close();
  clearTimeout(retry);
  tried = Date.now();
  source = new EventSource(`/stream?since=${since}`);
  source.addEventListener('open', () => { [live, heard, wait] = [true, Date.now(), 1000]; link(); });
  source.addEventListener('error', () => {
    source.close();
    live = false;
    link();
    wait = Math.min(wait * 2, 30_000);
    retry = setTimeout(() => leaveWhenSignedOut().then(connect), wait * (0.5 + Math.random() / 2));
  });
  source.addEventListener('alive', () => { heard = Date.now(); });
  source.addEventListener('card', (event) => {
    heard = Date.now();
    since = event.lastEventId || since;
    const drawn = JSON.parse(event.data);
    announce(drawn, $(`#card-${drawn.copy} h3`)?.textContent ?? waiting.get(drawn.copy)?.title);
    put(drawn);
    renew();
  });
  source.addEventListener('head', (event) => {
    heard = Date.now();
    const head = JSON.parse(event.data);
    Object.assign($('#sentence'), { textContent: head.sentence, className: `mood ${head.mood}` });
    badge(head.waiting);
    renew();
  });
}

let again;

/** Draws a view anew, and once more: the rows that it shows may follow a moment later, or a finger is on them. */
function renew() {
  reload();
  reloadDetail();
  clearTimeout(again);
  again = setTimeout(() => { reload(); reloadDetail(); }, 2000);
}

const LISTS = ['agents', 'cost', 'sessions', 'tasks', 'alerts'];

/** Part of a view as the server draws it now; nothing when it is refused or does not arrive. */
async function part(address, kind) {
  const response = await fetch(address, { headers: { accept: kind } }).catch(() => null);
  return response?.ok && !response.redirected ? response.text() : null;
}

/** Puts what was drawn in its place. The focus, cards as they were read, and what was opened or scrolled stay. */
function draw(box, html) {
  const active = box.contains(document.activeElement) && document.activeElement;
  const name = active && ['href', 'data-say', 'data-type'].find((one) => active.hasAttribute(one));
  const [open, up] = [!!$('details[open]', box), $('.tail', box)?.scrollTop ?? 0];
  const key = ({ dataset }) => `${dataset.copy} ${dataset.changed}`;
  const cards = new Map($$('.card[data-copy]', box).map((card) => [key(card), card]));
  box.innerHTML = html;
  for (const card of $$('.card[data-copy]', box)) {
    if (cards.has(key(card))) card.replaceWith(cards.get(key(card)));
    else gate(card);
  }
  $$('details', box).forEach((one) => { one.open = open; });
  $('.tail', box)?.scrollTo({ top: up });
  const again = name ? $(`[${name}="${CSS.escape(active.getAttribute(name))}"]`, box) : active;
  if (again) again.focus({ preventScroll: true });
}

/** How often a view, or a detail, is asked for at most. */
const PAUSE = 1900;
let listedAt = 0;

/** Views other than the feed are drawn anew by the server. */
async function reload() {
  if (!LISTS.includes(words.view) || isBusy() || !isShown($('#list')) || Date.now() - listedAt < PAUSE) return;
  listedAt = Date.now();
  const html = await part(words.base, 'text/x-view');
  if (html === null) return;
  draw($('#list'), html);
  mark();
}

// ---- the detail of what is selected

const wide = matchMedia('(min-width: 900px)');
let shown = $('#detail')?.hidden === false ? location.pathname : null;
let shownAt = Date.now();
let told;

/** Which row is selected. */
function mark() {
  for (const link of $$('#list [data-detail]')) link.ariaCurrent = link.getAttribute('href') === shown ? 'true' : null;
}

/** Shows the detail at an address beside the list, or nothing. A narrow screen goes there instead. */
async function select(address, isNew) {
  const html = address ? await part(address, 'text/x-detail') : '';
  if (html === null) return void (location.href = address);
  if (isNew) history.pushState(null, '', address);
  [shown, shownAt, told] = [address, Date.now(), html];
  draw($('#detail'), html);
  $('#detail').hidden = !address;
  $('#main').classList.toggle('split', !!address);
  mark();
  if (!address) return;
  $('#detail').scrollTop = 0;
  if (isNew) $('#detail').focus({ preventScroll: true });
}

/** What is shown is asked for again when something has happened; it is not asked for all the time. */
async function reloadDetail() {
  if (!shown || document.hidden || isTouched() || Date.now() - shownAt < PAUSE || $('#ask').open) return;
  shownAt = Date.now();
  const [address, html] = [shown, await part(shown, 'text/x-detail')];
  if (html === null || html === told || address !== shown || isTouched() || $('#detail :disabled:not(.approve)')) return;
  told = html;
  draw($('#detail'), html);
}

function follow(event, link) {
  if (!wide.matches || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  select(link.getAttribute('href'), true);
}

/** Says a line that was written beforehand, once whoever tapped has confirmed it or added their words. */
async function order(button) {
  let line = button.dataset.say;
  if (button.dataset.ask && await ask(`${button.textContent} — ${button.dataset.ask}. ${words.confirm}`, false) === null) return;
  if (button.dataset.words) {
    const said = (await ask(button.dataset.words, true))?.trim();
    if (!said) return;
    line += ` ${said}`;
  }
  toast((await send(line, button)).text);
  [shownAt, touched] = [0, 0];
  renew();
}

// ---- the command line

const PAST = 'sereno-past';
let catalogue = null;
let past = JSON.parse(sessionStorage.getItem(PAST) ?? '[]');
let back = past.length;
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
  // `to:` and the like say by themselves what stands behind them.
  const [, key, word] = /^(?:(\w+):)?(.*)$/.exec(args.at(-1));
  const kind = key === 'to' ? 'agent' : key ?? spec?.args[args.length - 1];
  const typed = word.toLowerCase();
  const head = line.slice(0, line.length - word.length);
  const fits = (one) => `${one.id} ${one.name ?? ''}`.toLowerCase().includes(typed);
  return (catalogue[kind] ?? []).filter(fits).map((one) => ({ text: `${head}${one.id} `, label: one.id, note: one.name ?? '' }));
}

async function offer() {
  const list = $('#offers');
  const turn = ++asked;
  const found = await offers();
  // The line was sent, or changed, while the catalogue was on its way.
  if (turn !== asked) return;
  list.replaceChildren(...found.slice(0, 12).map((one, index) => {
    const item = Object.assign(document.createElement('li'), { id: `offer-${index}`, role: 'option', ariaSelected: 'false' });
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
  past = [...past, text].slice(-50);
  sessionStorage.setItem(PAST, JSON.stringify(past));
  back = past.length;
  closeOffers();
  const answer = await send(text, $('#say button'));
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
  } else if (open && (event.key === 'Enter' || (event.key === 'Tab' && !event.shiftKey))) {
    const item = $('#offers li[aria-selected=true]') ?? (event.key === 'Tab' ? $('#offers li') : null);
    if (!item) return;
    event.preventDefault();
    accept(item);
  } else if (event.key === 'Escape') {
    if (open) closeOffers();
    else line.blur();
  }
}

// ---- keys

function move(step) {
  const all = $$('#list .card, #list .row').filter(isShown);
  if (!all.length) return;
  const at = all.indexOf(document.activeElement?.closest?.('#list .card, #list .row'));
  const next = at < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, at + step));
  all[next].focus();
}

async function decide(style, index) {
  const card = cardOf(document.activeElement) ?? $$('#detail .card.needs, #needs .card').find(isShown);
  const button = card && $$(`.buttons button.${style}`, card)[index];
  if (!button || button.disabled) return;
  if (await ask(`${$('h3', card).textContent} — ${button.textContent}?`, false) !== null) tap(button);
}

/** Begins a line that is typed on. */
function type(text) {
  const line = $('#line');
  line.value = text;
  line.focus();
  offer();
}

function keys(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || $('#ask').open) return;
  if (event.target.matches('input, textarea')) return;
  const actions = {
    j: () => move(1), k: () => move(-1), a: () => decide('approve', 0), d: () => decide('plain', 0),
    '/': () => type('/'), '?': () => toast(words.keys),
  };
  if (event.target.matches('.card')) actions.Enter = () => $('a[data-detail]', event.target)?.click();
  const action = actions[event.key];
  if (action) {
    event.preventDefault();
    action();
  }
}

// ---- start

function start() {
  document.addEventListener('click', (event) => {
    const button = event.target.closest('button');
    const option = event.target.closest('#offers li');
    if (option) accept(option);
    else if (button?.dataset.token) tap(button);
    else if (button?.dataset.say) order(button);
    else if (button?.dataset.type) type(button.dataset.type);
    else if (event.target.closest('a[data-detail]')) follow(event, event.target.closest('a'));
    else if (button?.id === 'never') $('#ask').close('no');
    else if (button?.id === 'fresh') showWaiting();
    else if (!event.target.closest('#say')) closeOffers();
  });
  document.addEventListener('pointerdown', () => { [touched, held] = [Date.now(), true]; });
  for (const end of ['pointerup', 'pointercancel']) document.addEventListener(end, () => { [touched, held] = [Date.now(), false]; });
  wide.addEventListener('change', () => $$('.card').forEach(gate));
  addEventListener('popstate', () => select(location.pathname === words.base ? null : location.pathname, false));
  addEventListener('online', connect);
  document.addEventListener('keydown', keys);
  $('#line').addEventListener('input', offer);
  $('#line').addEventListener('keydown', lineKeys);
  $('#say').addEventListener('submit', (event) => {
    event.preventDefault();
    const text = $('#line').value.trim();
    if (text) say(text);
  });
  $$('.card').forEach(gate);
  countdown();
  badge(Number(words.waiting) || 0);
  setInterval(() => {
    countdown();
    if (Date.now() - Math.max(heard, tried) > SILENCE) {
      live = false;
      connect();
    }
    link();
    if (live && Date.now() - shownAt > 10_000) reloadDetail();
  }, 1000);
  connect();
}

start();
