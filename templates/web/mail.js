// A button of a mail: shows what it would do, and does it when it is tapped. Until then it only asks.

const $ = (selector) => document.querySelector(selector);
const words = document.body.dataset;
const token = location.hash.slice(1);

async function post(address, body) {
  try {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(address, { method: 'POST', headers, body: JSON.stringify(body) });
    return { ok: response.ok, said: await response.json().catch(() => ({})) };
  } catch {
    return { ok: false, said: { text: words.lost }, lost: true };
  }
}

/** An element with text in it; whatever an agent wrote is never more than text. */
function element(name, text = '', className = '') {
  const made = document.createElement(name);
  made.textContent = text;
  made.className = className;
  return made;
}

const names = { text: 'span', strong: 'strong', code: 'code', break: 'br' };
const inline = (spans) => spans.map(([kind, text]) => element(names[kind], text));

function drawn(block) {
  if (block.kind === 'code') return element('pre', block.text);
  const name = { quote: 'blockquote', field: 'p', item: 'p' }[block.kind] ?? 'p';
  const made = element(name, '', block.kind === 'note' ? 'note' : block.kind);
  if (block.kind === 'field') made.append(element('span', block.label, 'label'), ' ');
  if (block.kind === 'item') made.append('• ');
  made.append(...inline(block.spans));
  return made;
}

function show(card) {
  document.documentElement.lang = card.lang;
  document.title = card.title;
  $('#card').replaceChildren(element('h3', card.title), ...card.blocks.map(drawn));
  $('#card').hidden = false;
  $('#tap').hidden = false;
  $('#note').textContent = card.note;
  $('#asked').hidden = !card.button?.why;
  $('#question').textContent = card.button?.why ?? '';
  $('#button').hidden = !card.button;
  if (card.button) {
    $('#button').textContent = card.button.label;
    $('#button').className = card.button.style;
  }
}

async function look() {
  if (!token) {
    $('#result').textContent = words.incomplete;
    return;
  }
  const { ok, said } = await post('/m/show', { token });
  $('#result').textContent = ok ? '' : said.text ?? said.detail ?? words.lost;
  if (ok) show(said);
}

$('#tap').addEventListener('submit', async (event) => {
  event.preventDefault();
  const button = $('#button');
  if (button.disabled || button.hidden) return;
  const label = button.textContent;
  button.disabled = true;
  button.textContent = words.sending;
  const { said, lost } = await post('/m/act', { token, why: $('#why').value });
  button.disabled = false;
  button.textContent = label;
  $('#result').textContent = said.text ?? said.detail ?? words.lost;
  if (said.card) show(said.card);
  // What was used is not left lying about in the history.
  if (!lost) history.replaceState(null, '', location.pathname);
});

look();
