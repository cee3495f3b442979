// The detail of what is selected: beside its list on a wide screen, in its place on a phone, at an address of its own,
// with what its runtime can be asked, and nothing of what is not the visitor's.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { Sereno, assertClean, browser, endAll, phone, question, signedIn, until } from './kit.mjs';

const WATCHED = 'a-token-of-what-can-only-be-watched-0123456789';
const SIZES = [{ width: 360, height: 780 }, { width: 900, height: 700 }, { width: 1280, height: 800 }];
const [PHONE, , WIDE] = SIZES;
const EXTRA = `
[people.ana]
role = "admin"
[people.vera]
role = "viewer"
[people.bea]
role = "operator"
within = { agents = ["arch*"] }
[runtimes.watched]
kind = "generic"
token = "${WATCHED}"
`;
let sereno;
let chrome;
let axe;
const states = {};

const about = (id, name) => ({
  agent: { id, name, role: name }, session: { id: `${id}-session-0001`, cwd: '/srv/osint', branch: 'fix/race' },
  task: { id: 'OSINT-12', title: 'Fix network_analysis.py' },
});

before(async () => {
  const path = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
  [sereno, chrome, axe] = await Promise.all([Sereno.start({ people: {}, extra: EXTRA }), browser(), readFile(path, 'utf8')]);
  for (const person of ['ana', 'vera', 'bea']) {
    const one = await signedIn(chrome, sereno, person);
    states[person] = await one.context.storageState();
    await one.context.close();
  }
  const debug = about('debugger', 'Debugger');
  const tool = { name: 'Bash', call_id: 'c1', input: { command: 'pytest -k race' }, ok: false, result_digest: 'failed' };
  await sereno.report(
    { type: 'task.created', ...debug },
    { type: 'session.started', ...debug, model: 'claude-sonnet-4-5' },
    { type: 'model.call', ...debug, model: 'claude-sonnet-4-5', usage: { input_tokens: 400000, output_tokens: 9000, cost_usd: '5.45' } },
    { type: 'tool.started', ...debug, tool },
    { type: 'tool.ended', ...debug, tool },
    { type: 'message', ...debug, from: 'agent', message: 'The race is in line 247.' },
    { type: 'step.ended', ...debug, step: { name: 'Review', index: 1, of: 3 }, message: '3 hypotheses' },
    { type: 'session.started', ...about('architect', 'Architect'), task: { id: 'OSINT-9', title: 'Design' }, model: 'claude-opus-4-5' },
  );
  const headers = { authorization: `Bearer ${WATCHED}`, 'content-type': 'application/json' };
  const event = { type: 'session.started', agent: { id: 'scout', name: 'Scout' }, session: { id: 'scout-1' } };
  const answer = await fetch(`${sereno.url}/hooks/watched`, { method: 'POST', headers, body: JSON.stringify(event) });
  assert.ok(answer.ok);
});
after(endAll);

/** Somebody's browser at a path, once it is live. */
async function open(person, path, options = {}) {
  const one = await phone(chrome, sereno.url, { storageState: states[person], ...options });
  await one.page.goto(sereno.url + path);
  if (options.javaScriptEnabled !== false) await one.page.locator('#link.on').waitFor();
  return one;
}

/** Ends a visit in which nothing happened that must not. */
async function done(one) {
  assertClean(one);
  await one.context.close();
}

const detail = (one) => one.page.locator('#detail');
const list = (one) => one.page.locator('#list');

for (const viewport of SIZES.slice(1)) {
  test(`at ${viewport.width} px what is selected stands beside its list`, async () => {
    const one = await open('ana', '/agents', { viewport });
    await one.page.evaluate(() => { window.loadedOnce = true; });
    assert.equal(await detail(one).isVisible(), false);
    const row = list(one).getByRole('link', { name: /Debugger/ });
    await row.click();
    await detail(one).getByRole('heading', { level: 2, name: 'Debugger' }).waitFor();
    assert.equal(new URL(one.page.url()).pathname, '/agent/fleet/debugger');
    assert.equal(await row.getAttribute('aria-current'), 'true');
    const [left, right] = await Promise.all([list(one).boundingBox(), detail(one).boundingBox()]);
    assert.ok(left.x + left.width <= right.x && right.width > 350, 'side by side');
    await list(one).getByRole('link', { name: /Architect/ }).click();
    await detail(one).getByRole('heading', { level: 2, name: 'Architect' }).waitFor();
    await one.page.goBack();
    await detail(one).getByRole('heading', { level: 2, name: 'Debugger' }).waitFor();
    await one.page.goBack();
    await detail(one).waitFor({ state: 'hidden' });
    assert.equal(await one.page.evaluate(() => window.loadedOnce), true, 'the list stayed where it was');
    await one.page.goForward();
    await detail(one).getByRole('heading', { level: 2, name: 'Debugger' }).waitFor();
    await one.page.reload();
    await detail(one).getByRole('heading', { level: 2, name: 'Debugger' }).waitFor();
    assert.equal(await list(one).getByRole('link', { name: /Debugger/ }).getAttribute('aria-current'), 'true', 'its address is stable');
    await done(one);
  });
}

test('on a phone it takes the place of its list', async () => {
  const one = await open('ana', '/agents', { viewport: PHONE });
  await list(one).getByRole('link', { name: /Debugger/ }).click();
  await detail(one).getByRole('heading', { level: 2, name: 'Debugger' }).waitFor();
  assert.equal(new URL(one.page.url()).pathname, '/agent/fleet/debugger');
  assert.equal(await list(one).isVisible(), false);
  await detail(one).getByRole('link', { name: /debugger.*running/ }).click();
  await detail(one).getByRole('heading', { level: 2, name: /^Session/ }).waitFor();
  await detail(one).getByText('/srv/osint @ fix/race').waitFor();
  await detail(one).getByRole('link', { name: /OSINT-12/ }).click();
  await detail(one).getByRole('heading', { name: 'OSINT-12 Fix network_analysis.py' }).waitFor();
  await detail(one).getByRole('link', { name: 'Tasks' }).click();
  await list(one).getByRole('link', { name: /OSINT-12/ }).waitFor();
  await done(one);
});

test('it tells what the agent does, how it went and what it wrote last, also without a script', async () => {
  const one = await open('ana', '/agent/fleet/debugger', { viewport: PHONE, javaScriptEnabled: false });
  const text = await detail(one).innerText();
  for (const part of ['running', 'OSINT-12', 'Claude Sonnet', '$5.45', '3 hypotheses', 'The race is in line 247.', 'tool.ended · Bash', 'fix/race']) {
    assert.ok(text.includes(part), `${part} in ${text}`);
  }
  // Words of agents are monospaced, each in a block of its own.
  for (const part of ['The race is in line 247.', 'Review']) {
    const fonts = await detail(one).getByText(part).evaluateAll((all) => all.map((element) => getComputedStyle(element).fontFamily));
    assert.ok(fonts.length && fonts.every((font) => font.includes('monospace')), `${part}: ${fonts}`);
  }
  await detail(one).getByRole('link', { name: 'Agents' }).click();
  await list(one).getByRole('link', { name: /Architect/ }).click();
  await detail(one).getByRole('heading', { level: 2, name: 'Architect' }).waitFor();
  await done(one);
});

test('it is used with a keyboard alone, and the fleet obeys', async () => {
  const one = await open('ana', '/agents', { viewport: WIDE });
  const { page } = one;
  const press = async (...keys) => { for (const key of keys) await page.keyboard.press(key); };
  const tabTo = async (name) => {
    for (let presses = 0; presses < 40; presses += 1) {
      if (await page.evaluate(() => document.activeElement.textContent.trim()).then((text) => text.endsWith(name))) return;
      await page.keyboard.press('Tab');
    }
    assert.fail(`the keyboard does not reach ${name}`);
  };
  await press('j');
  const first = await page.evaluate(() => document.activeElement.className);
  assert.equal(first, 'row');
  await list(one).getByRole('link', { name: /Debugger/ }).focus();
  await press('Enter');
  await detail(one).getByRole('heading', { level: 2, name: 'Debugger' }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.id), 'detail', 'the keyboard goes on in the detail');
  await tabTo('Pause');
  await press('Enter');
  await until('the fleet is told to pause', () => sereno.calls.find((call) => call.type === 'control.pause'));
  await detail(one).getByRole('button', { name: 'Resume' }).waitFor();
  await detail(one).getByText('Paused by').waitFor();
  await tabTo('Tell');
  await press('Enter');
  await page.getByRole('dialog').getByText('What shall it read?').waitFor();
  await page.keyboard.type('try hypothesis 3 first');
  await press('Enter');
  const told = await until('the fleet is told', () => sereno.calls.find((call) => call.type === 'control.tell'));
  assert.ok(JSON.stringify(told).includes('try hypothesis 3 first'));
  await tabTo('Kill');
  await press('Enter');
  await page.getByRole('dialog').getByText('will be stopped for good').waitFor();
  await press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'hidden' });
  assert.equal(sereno.calls.some((call) => call.type === 'control.kill'), false, 'thinking better of it does nothing');
  await tabTo('Reassign');
  await press('Enter');
  assert.equal(await page.locator('#line').inputValue(), '/reassign OSINT-12 to:');
  await page.getByRole('option', { name: /Architect/ }).waitFor();
  await press('Escape', 'Escape');
  await page.locator('#line').fill('');
  await tabTo('Resume');
  await press('Enter');
  await until('the fleet goes on', () => sereno.calls.find((call) => call.type === 'control.resume'));
  await done(one);
});

test('what cannot be taken back is done once it is confirmed', async () => {
  await sereno.report({ type: 'session.started', ...about('loner', 'Loner') });
  const one = await open('ana', '/agent/fleet/loner', { viewport: PHONE });
  await detail(one).getByRole('button', { name: 'Kill' }).click();
  await one.page.getByRole('dialog').getByRole('button', { name: 'OK' }).click();
  const call = await until('the fleet is told', () => sereno.calls.find((one) => one.type === 'control.kill'));
  assert.equal(call.agent.id, 'loner');
  await done(one);
});

test('only what the runtime carries out is offered', async () => {
  const one = await open('ana', '/agent/watched/scout', { viewport: PHONE });
  await detail(one).getByText('can only be watched').waitFor();
  assert.equal(await detail(one).getByRole('button').count(), 0);
  await done(one);
});

test('it follows what happens, and what was opened stays open', async () => {
  const one = await open('ana', '/agent/fleet/architect', { viewport: WIDE });
  for (let step = 1; step <= 12; step += 1) {
    await sereno.report({ type: 'step.ended', ...about('architect', 'Architect'), task: { id: 'OSINT-9' }, step: { name: `Stage ${step}`, index: step, of: 20 } });
  }
  await detail(one).getByText('Stage 12').first().waitFor();
  await detail(one).locator('summary').click();
  await sereno.report({ type: 'step.ended', ...about('architect', 'Architect'), task: { id: 'OSINT-9' }, step: { name: 'Stage 13', index: 13, of: 20 } });
  await detail(one).getByText('Stage 13').first().waitFor();
  assert.equal(await detail(one).locator('details').getAttribute('open'), '');
  await done(one);
});

test('a card is shown with why it is there and with its agent, and decided there', async () => {
  const lines = Array.from({ length: 120 }, (_, line) => `echo "step ${line}" >> log`).join('\n');
  await sereno.report(question('Asker', lines));
  const one = await open('ana', '/', { viewport: PHONE });
  await one.page.locator('#needs .card.approval footer a').first().click();
  await detail(one).getByRole('heading', { level: 3, name: 'Asker', exact: true }).waitFor();
  await detail(one).getByRole('heading', { name: 'Why' }).waitFor();
  const approve = detail(one).getByRole('button', { name: 'Approve once' });
  assert.equal(await approve.isDisabled(), true, 'it has not been read');
  await one.page.setViewportSize(WIDE);
  for (const button of await one.page.getByRole('button', { name: 'Approve once' }).all()) {
    assert.equal(await button.isDisabled(), true, 'nor by turning the phone');
  }
  await one.page.setViewportSize(PHONE);
  await detail(one).locator('.card pre').focus();
  await one.page.keyboard.press('End');
  await until('it can be approved', () => approve.isEnabled());
  await sereno.report({ type: 'step.ended', agent: { id: 'asker' }, session: { id: 'asker-1' }, step: { name: 'Meanwhile', index: 1, of: 2 } });
  await detail(one).getByText('Meanwhile').first().waitFor();
  assert.equal(await approve.isEnabled(), true, 'what was read stays read');
  await approve.click();
  await detail(one).getByText(/Approved by ana · page/).waitFor();
  await done(one);
});

test('whoever sees a part finds no more of it in any view', async () => {
  await sereno.report({ type: 'message', ...about('debugger', 'Debugger'), from: 'agent', message: 'a secret of the debugger' });
  const bea = await open('bea', '/agent/fleet/architect', { viewport: WIDE });
  await detail(bea).getByRole('heading', { level: 2, name: 'Architect' }).waitFor();
  await detail(bea).getByRole('button', { name: 'Pause' }).waitFor();
  assert.equal(await list(bea).getByRole('link', { name: /Debugger/ }).count(), 0);
  bea.offline = true; // Chromium logs refusals as errors.
  for (const path of ['/agent/fleet/debugger', '/session/fleet/debugger-session-0001', '/task/OSINT-12', '/alert/A1']) {
    const answer = await bea.page.goto(sereno.url + path);
    assert.equal(answer.status(), 403, path);
    await detail(bea).getByRole('alert').waitFor();
    const text = await bea.page.locator('#main').innerText();
    assert.doesNotMatch(text, /Debugger|network_analysis|secret/, path);
    assert.equal(await detail(bea).getByRole('button').count(), 0, path);
  }
  assert.equal((await bea.page.goto(`${sereno.url}/agent/fleet/nobody`)).status(), 404);
  bea.offline = false;
  for (const path of ['/sessions', '/tasks', '/alerts', '/more', '/more/events']) {
    await bea.page.goto(sereno.url + path);
    assert.doesNotMatch(await bea.page.locator('#main').innerText(), /Debugger|OSINT-12|secret/, path);
  }
  assert.equal(await list(bea).getByRole('link', { name: 'People' }).count(), 0, 'what is not theirs is not offered');
  const foreign = await bea.page.evaluate(async () => {
    const headers = { accept: 'text/x-detail' };
    return Promise.all(['/agent/fleet/debugger', '/more/people'].map((path) => fetch(path, { headers }).then((answer) => answer.status)));
  });
  assert.deepEqual(foreign, [403, 403], 'nor in place');
  await bea.context.close();
});

test('a viewer sees an agent and is offered nothing', async () => {
  const vera = await open('vera', '/agent/fleet/architect', { viewport: PHONE });
  await detail(vera).getByRole('heading', { name: 'Timeline' }).waitFor();
  assert.equal(await detail(vera).getByRole('button').count(), 0);
  assert.equal(await detail(vera).locator('.tail').count(), 0, 'logs are for those who may /logs');
  await done(vera);
});

test('the page changes its language, cards and all', async () => {
  const one = await open('ana', '/', { viewport: PHONE });
  await one.page.getByRole('button', { name: 'En español' }).click();
  await one.page.getByRole('link', { name: 'Avisos', exact: true }).waitFor();
  await one.page.locator('.card.approval', { hasText: 'Aprobado por ana' }).waitFor();
  await one.page.goto(`${sereno.url}/agent/fleet/architect`);
  await detail(one).getByRole('heading', { name: 'Cronología' }).waitFor();
  await detail(one).getByRole('button', { name: 'Pausar' }).waitFor();
  await one.page.getByRole('button', { name: 'In English' }).click();
  await detail(one).getByRole('heading', { name: 'Timeline' }).waitFor();
  await done(one);
});

for (const [viewport, colorScheme] of [[PHONE, 'light'], [PHONE, 'dark'], [SIZES[1], 'light'], [WIDE, 'dark']]) {
  test(`axe has nothing to say, ${colorScheme}, ${viewport.width} px`, async () => {
    const one = await open('ana', '/', { viewport, colorScheme, reducedMotion: 'reduce' });
    const card = await one.page.locator('.card footer a').first().getAttribute('href');
    const paths = ['/agent/fleet/debugger', '/agent/watched/scout', '/session/fleet/debugger-session-0001', '/task/OSINT-12',
      '/alert/A1', '/sessions', '/tasks', '/alerts', card, '/more/people', '/more/digest', '/more/audit'];
    for (const path of paths) {
      await one.page.goto(sereno.url + path);
      await one.page.locator('#link.on').waitFor();
      await one.page.evaluate(axe);
      const values = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
      const { violations, passes } = await one.page.evaluate((tags) => window.axe.run({ runOnly: { type: 'tag', values: tags } }), values);
      assert.ok(passes.length > 10, 'axe has looked');
      assert.deepEqual(violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html.slice(0, 160)}`)), [], path);
      assert.equal(await one.page.evaluate(() => document.documentElement.scrollWidth), viewport.width, `${path} is as wide as the screen`);
      for (const target of await one.page.locator('#main a:not(.skip), #main button, #main summary, .account > *').all()) {
        const box = await target.boundingBox();
        if (box) assert.ok(box.width >= 43.5 && box.height >= 43.5, `${path}: ${await target.innerText()} ${box.width} × ${box.height}`);
      }
    }
    await done(one);
  });
}
