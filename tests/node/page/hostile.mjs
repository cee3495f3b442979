// Whatever an agent writes, in whatever field, is text: nothing runs, nothing becomes an element, nothing is hidden,
// and nothing pushes the page wider than a phone.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Sereno, assertClean, browser, endAll, signedIn, until } from './kit.mjs';

const MARK = 'window.executed=1';
const HOSTILE = [
  `<script>${MARK}</script>`,
  `"><script>${MARK}</script>`,
  `'><script>${MARK}</script>`,
  `</script><script>${MARK}</script>`,
  `<ScRiPt src="//evil.example/x.js"></sCrIpT>`,
  `<img src=x onerror=${MARK}>`,
  `"><img src=x onerror="${MARK}">`,
  `<img src='https://evil.example/pixel.png'>`,
  `<svg onload=${MARK}>`,
  `<svg><animate onbegin=${MARK} attributeName=x dur=1s>`,
  `<svg><script>${MARK}</script></svg>`,
  `<math><mtext></form><form><mglyph><style></math><img src onerror=${MARK}>`,
  `<iframe srcdoc="<script>parent.${MARK}</script>"></iframe>`,
  `<iframe src="javascript:parent.${MARK}"></iframe>`,
  `<body onload=${MARK}>`,
  `<details open ontoggle=${MARK}>x</details>`,
  `<input autofocus onfocus=${MARK}>`,
  `<a href="javascript:${MARK}">tap me</a>`,
  `javascript:${MARK}`,
  `data:text/html,<script>${MARK}</script>`,
  `<base href="https://evil.example/">`,
  `<meta http-equiv="refresh" content="0;url=https://evil.example/">`,
  `<link rel=stylesheet href=//evil.example/x.css>`,
  `<style>body{display:none}</style>`,
  `" onmouseover="${MARK}" x="`,
  `' autofocus onfocus='${MARK}`,
  `\` onclick=${MARK} \``,
  `</article></main><h1>Signed out</h1>`,
  `--><!-- <b>bold</b>`,
  `<![CDATA[<script>${MARK}</script>]]>`,
  `&lt;script&gt;${MARK}&lt;/script&gt;`,
  `&#60;img src=x onerror=${MARK}&#62;`,
  `{{ 7 * 7 }} {% for x in y %} {# note #} \${7*7}`,
  `[tap](javascript:${MARK}) ![x](https://evil.example/y.png) **bold** \`code\``,
  `safe\u202Etxt.exe\u2066 \u200Bzero\u200Dwidth\u00ADsoft\uFEFF`,
  `nul\u0000 bell\u0007 escape\u001b[31m \uE000private\uE001`,
  `two\r\nlines\n\`\`\`\n~ note :: field\n- item\n> quote`,
  `${'W'.repeat(180)}`,
  `${'𝕎'.repeat(40)}${'\u0301'.repeat(8)} ${'😀'.repeat(30)}`,
  `\u27e8U+202E\u27e9 forged \u240a`,
];

let sereno;
let chrome;
let ana;

before(async () => {
  [sereno, chrome] = await Promise.all([Sereno.start(), browser()]);
  ana = await signedIn(chrome, sereno);
});
after(endAll);

/** Everything that an agent can say about itself, with `text` in every field. */
function everything(text, number) {
  const who = {
    // Control characters are not taken in an id.
    agent: { id: `${number} ${[...text.replace(/["“”\p{Cc}\p{Co}]/gu, '')].slice(0, 60).join('')}`, name: text, role: text, tags: [text] },
    session: { id: `${number} ${[...text].slice(0, 60).join('')}`, cwd: text, branch: text },
    task: { id: `T${number} ${[...text].slice(0, 40).join('')}`, title: text, kind: text, url: text },
  };
  const tool = { name: text, call_id: text, input: { command: text, [text]: text }, ok: false };
  const fault = { type: text, message: text };
  return [
    { type: 'task.created', ...who },
    { type: 'session.started', ...who, model: text, provider: text },
    { type: 'model.call', ...who, model: text, provider: text, usage: { input_tokens: 10, output_tokens: 10, cost_usd: '0.01' } },
    { type: 'tool.started', ...who, tool },
    { type: 'tool.ended', ...who, tool, message: text, error: fault },
    { type: 'step.ended', ...who, step: { name: text, index: 1, of: 2 }, message: text },
    { type: 'message', ...who, from: 'agent', message: text },
    { type: 'handoff', ...who, to: { id: [...text].slice(0, 40).join(''), name: text }, message: text },
    { type: 'deployment', ...who, message: text, url: text },
    { type: [...text].slice(0, 40).join(''), ...who, message: text },
    { type: 'agent.status', ...who, status: 'error', error: fault, message: text },
    { type: 'approval.requested', ...who, approval: { id: `Q${number} ${[...text].slice(0, 60).join('')}`, reason: text, action: { tool: text, input: { command: text, more: text }, cwd: text, target: text } } },
    { type: 'task.failed', ...who, task: { ...who.task, id: `F${number} ${[...text].slice(0, 40).join('')}` }, error: fault, message: text },
  ];
}

/** How a text must look: what cannot be seen, or reorders what is seen, is named. */
const visible = (text) => text.replace(/[\p{Cc}\p{Cf}\p{Co}\u27e8\u240a]/gu, (c) => (
  c === '\n' ? c : `⟨U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}⟩`
));

/** Elements, attributes and addresses that our own templates never write. */
const foreign = (page) => page.evaluate(() => {
  const tags = new Set(['ARTICLE', 'H2', 'H3', 'DL', 'DIV', 'DT', 'DD', 'P', 'PRE', 'CODE', 'STRONG', 'BLOCKQUOTE', 'UL', 'LI', 'BR',
    'BUTTON', 'FOOTER', 'SPAN', 'A', 'TIME', 'SECTION', 'SMALL', 'PROGRESS', 'TABLE', 'CAPTION', 'THEAD', 'TBODY', 'TR', 'TH', 'TD',
    'SVG', 'RECT', 'TITLE', 'DESC', 'TEXT', 'OL', 'DETAILS', 'SUMMARY']);
  const attributes = /^(id|class|role|tabindex|hidden|type|datetime|title|value|max|width|height|x|y|rx|viewbox|xmlns|fill|stroke|stroke-width|font-(size|weight)|text-anchor|scope|disabled|preserveaspectratio|data-(copy|changed|due|token|why|say|ask|words|type|detail|read|gated|key|on|off|denied|failed|ios|unable)|aria-[a-z]+)$/;
  const found = [];
  for (const one of document.querySelectorAll('#main *')) {
    if (!tags.has(one.tagName.toUpperCase())) found.push(one.outerHTML.slice(0, 200));
    for (const { name, value } of one.attributes) {
      const ours = name === 'href' ? /^\/(card|agent|session|task|alert|more)\/[\w%.~\/-]+$|^\/(agents|sessions|tasks|alerts|more)?$/.test(value) : attributes.test(name.toLowerCase());
      if (!ours) found.push(`${one.tagName} ${name}="${value}"`);
    }
  }
  for (const one of document.querySelectorAll('iframe, object, embed, base, form:not(#say):not([method=dialog]), script:not([src^="/assets/"])')) {
    found.push(one.outerHTML.slice(0, 200));
  }
  return found;
});

async function assertHarmless(one, where) {
  assert.deepEqual(await foreign(one.page), [], where);
  assert.equal(await one.page.evaluate(() => window.executed), undefined, where);
  const [wide, body] = await one.page.evaluate(() => [document.documentElement.scrollWidth, getComputedStyle(document.body).display]);
  assert.ok(wide <= 360, `${where} is ${wide} px wide`);
  assert.equal(body, 'flex', where);
  assertClean(one);
}

/** What the cards of a kind say, one text for each. */
const texts = (page, selector) => page.locator(selector).evaluateAll((all) => all.map((one) => one.textContent));

test('forty hostile texts in every field stay text while they arrive', async () => {
  assert.equal(new Set(HOSTILE).size, 40);
  for (const [number, text] of HOSTILE.entries()) await sereno.report(...everything(text, number));
  await until('every question has arrived', async () => (await ana.page.locator('#needs .card.approval').count()) === HOSTILE.length);
  await assertHarmless(ana, 'the feed, live');
  const blocks = await texts(ana.page, '#needs .card.approval pre');
  for (const text of HOSTILE) assert.ok(blocks.includes(visible(text)), `not literally in a card: ${JSON.stringify(text)}`);
  const cards = await texts(ana.page, '#needs .card.approval');
  for (const text of HOSTILE.filter((one) => !one.includes('\n'))) {
    const card = cards.find((one) => one.includes(`Agent says (unverified): ${visible(text)}`));
    assert.ok(card, `not literally a reason: ${JSON.stringify(text)}`);
    assert.ok(card.includes(visible(text).slice(0, 40)));
  }
});

test('they stay text when the page is loaded, in every view', async () => {
  for (const view of ['', 'agents', 'cost', 'more', 'sessions', 'tasks', 'alerts', 'more/events', 'more/audit']) {
    await ana.page.goto(`${sereno.url}/${view}`);
    await ana.page.locator('#link.on').waitFor();
    await assertHarmless(ana, `/${view}`);
  }
  await ana.page.goto(`${sereno.url}/agents`);
  const rows = await texts(ana.page, '.agents .name');
  for (const text of HOSTILE.filter((one) => !one.includes('\n'))) {
    assert.ok(rows.some((row) => row.includes(visible(text))), `not literally a name: ${JSON.stringify(text)}`);
  }
  assert.equal(await ana.page.evaluate(() => /[\u202A-\u202E\u2066-\u2069\u200B]/.test(document.querySelector('#main').innerText)), false, 'nothing reorders or hides');
});

test('they stay text in answers, completions and what is asked of a person', async () => {
  const { page } = ana;
  await page.goto(`${sereno.url}/agents`);
  const count = await page.locator('.agents .row').count();
  assert.equal(count, HOSTILE.length);
  const unknown = await page.evaluate(async () => {
    const addresses = [...document.querySelectorAll('.agents .row')].map((row) => row.getAttribute('href'));
    const answers = await Promise.all(addresses.map((address) => fetch(address, { headers: { accept: 'text/x-detail' } })));
    return addresses.filter((_, index) => !answers[index].ok);
  });
  assert.deepEqual(unknown, [], 'every row finds its agent');
  for (const row of [0, 9, 19, 29, 39]) {
    await page.goto(`${sereno.url}/agents`);
    await page.locator('.agents .row').nth(row).click();
    await page.locator('#detail .timeline').waitFor();
    await page.locator('#detail .tail').waitFor();
    await page.locator('#link.on').waitFor();
    await assertHarmless(ana, `the agent of row ${row}`);
    for (const part of ['#detail .facts a', '#detail .links a']) {
      await page.locator(part).first().click();
      await page.locator('#detail .timeline').waitFor();
      await assertHarmless(ana, `${part} of row ${row}`);
      await page.goBack();
    }
  }
  await page.goto(sereno.url);
  for (const line of ['/agents', '/cost', '/tasks', '/sessions', '/alerts', '/approvals', '/status']) {
    await page.locator('#line').fill(line);
    await page.locator('#line').press('Enter');
    await page.locator(`.card.${line.slice(1)}`).first().waitFor();
  }
  await page.locator('#line').fill('/pause ');
  await page.getByRole('option').first().waitFor();
  await assertHarmless(ana, 'completions');
  assert.equal(await page.locator('#offers *:not(li):not(small)').count(), 0);
  ana.offline = true; // Chromium logs the refusals as errors.
  for (const text of HOSTILE.slice(0, 12)) {
    await page.locator('#line').fill(`/agent "${text.replaceAll('"', '')}"`);
    await page.locator('#line').press('Enter');
    await until('the line was taken', async () => (await page.locator('#line').inputValue()) === '');
  }
  assert.equal(await page.locator('#toast *').count(), 0);
  ana.offline = false;
  await assertHarmless(ana, 'answers');
});

test('what a person writes is text as well', async () => {
  const { page } = ana;
  const [why] = HOSTILE;
  await page.goto(sereno.url);
  await page.locator('#link.on').waitFor();
  assert.equal(await page.locator('#needs .card.approval').count(), HOSTILE.length, 'however much came after, what waits is shown');
  const card = page.locator('#needs .card.approval').first();
  const number = await card.getAttribute('data-copy');
  await card.getByRole('button', { name: 'Reject + why' }).click();
  await page.locator('#answer').fill(why);
  await page.locator('#answer').press('Enter');
  await page.locator(`#feed #card-${number} h3`, { hasText: why }).waitFor();
  await assertHarmless(ana, 'a reason');
});
