// The command line of the page: the same commands as everywhere, offered from the catalogue, refused politely.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Sereno, assertClean, browser, endAll, question, signedIn, until } from './kit.mjs';

let sereno;
let chrome;
let ana;

before(async () => {
  [sereno, chrome] = await Promise.all([Sereno.start({ people: { ana: 'admin', vera: 'viewer' } }), browser()]);
  const agent = (id, name) => ({ agent: { id, name }, session: { id: `${id}-1` }, task: { id: 'OSINT-12' } });
  await sereno.report(
    { type: 'task.created', ...agent('architect', 'Architect'), task: { id: 'OSINT-12', title: 'Fix network_analysis.py', kind: 'bug' } },
    { type: 'session.started', ...agent('debugger', 'Debugger'), model: 'claude-sonnet-4-5' },
    { type: 'model.call', ...agent('debugger', 'Debugger'), model: 'claude-sonnet-4-5', usage: { input_tokens: 9000, output_tokens: 900, cost_usd: '0.45' } },
    { type: 'model.call', ...agent('architect', 'Architect'), model: 'claude-opus-4-5', usage: { input_tokens: 9000, output_tokens: 900, cost_usd: '1.40' } },
  );
  ana = await signedIn(chrome, sereno);
});
after(endAll);

async function say(page, line) {
  await page.locator('#line').fill(line);
  await page.locator('#line').press('Enter');
  await until('the line was taken', async () => (await page.locator('#line').inputValue()) === '');
}

const card = (page, kind) => page.locator(`#feed .card.${kind}`).first();

test('agents and costs are answered as cards', async () => {
  await say(ana.page, '/agents');
  const agents = await card(ana.page, 'agents').innerText();
  assert.match(agents, /2 agents/);
  assert.match(agents, /Debugger · Claude Sonnet/);
  await say(ana.page, '/cost');
  const cost = await card(ana.page, 'cost').innerText();
  assert.match(cost, /Today \$1\.85/);
  assert.match(cost, /Debugger .*\$0\.45 {2}24%/);
});

test('agents and costs have views of their own', async () => {
  await ana.page.getByRole('link', { name: 'Agents', exact: true }).click();
  await ana.page.locator('.agents li', { hasText: 'Debugger' }).getByText('$0.45').waitFor();
  await ana.page.getByRole('img', { name: 'Agents by state' }).waitFor();
  await sereno.report(question('Debugger', 'pytest tests/'));
  await ana.page.locator('.agents li', { hasText: 'waiting for you' }).getByText('pytest tests/').waitFor();
  await ana.page.getByRole('link', { name: 'Cost', exact: true }).click();
  await ana.page.getByRole('heading', { name: 'Cost · today $1.85' }).waitFor();
  const day = ana.page.getByRole('img', { name: 'Cost per hour' });
  assert.equal(await day.locator('rect.fill').count(), 1);
  assert.match(await day.locator('desc').textContent(), /^Cost per hour: \$1\.85 in all; most \$1\.85 \(\d\d:00\)\.$/);
  const rows = await ana.page.locator('table.costs').nth(1).locator('tbody tr').allInnerTexts();
  assert.deepEqual(rows.map((row) => row.split(/\s+/)), [['Architect', '$1.40', '76%'], ['Debugger', '$0.45', '24%']]);
  await ana.page.getByRole('link', { name: 'Agents', exact: true }).click();
  await ana.page.locator('.agents li', { hasText: 'Debugger' }).getByRole('link').click();
  await ana.page.locator('#detail').getByText('waiting for you').waitFor();
  await ana.page.getByRole('link', { name: '1 needs you' }).waitFor();
});

test('an agent is held and let go, and the fleet confirms', async () => {
  await say(ana.page, '/pause Debugger');
  await card(ana.page, 'control').getByText('Pause · Debugger').waitFor();
  await card(ana.page, 'control').getByText('confirmed').waitFor();
  assert.equal(sereno.calls.at(-1).type, 'control.pause');
  assert.equal(sereno.calls.at(-1).agent.id, 'debugger');
  await say(ana.page, '/resume debug');
  await card(ana.page, 'control').getByText('Resume · Debugger').waitFor();
  await card(ana.page, 'control').getByText('confirmed').waitFor();
  assert.equal(sereno.calls.at(-1).type, 'control.resume');
});

test('what cannot be understood is answered with what was meant', async () => {
  assertClean(ana);
  ana.offline = true; // Chromium logs refusals as errors.
  for (const [line, answer] of [
    ['/agnets', 'There is no /agnets. Did you mean /agents?'],
    ['/pause Debuger', 'There is no agent "Debuger". Did you mean "Debugger"?'],
    ['/pause', 'Something is missing. Write: /pause AGENT'],
    ['/kill Debugger', 'This cannot be undone. To do it, type:'],
  ]) {
    await say(ana.page, line);
    await ana.page.locator('#toast', { hasText: answer }).waitFor();
  }
  ana.offline = false;
});

test('the command line completes names, and then agents', async () => {
  const { page } = ana;
  const options = page.getByRole('option');
  await page.locator('body').click({ position: { x: 5, y: 100 } });
  await page.keyboard.press('/');
  await options.first().waitFor();
  assert.ok(await options.count() > 5);
  await page.keyboard.type('pau');
  await until('one command is left', async () => (await options.count()) === 1);
  assert.match(await options.innerText(), /^\/pause /);
  await page.keyboard.press('Tab');
  assert.equal(await page.locator('#line').inputValue(), '/pause ');
  await until('agents are offered', async () => (await options.allInnerTexts()).some((text) => text.includes('Debugger')));
  await page.keyboard.type('deb');
  await until('one agent is left', async () => (await options.count()) === 1);
  await page.keyboard.press('ArrowDown');
  assert.equal(await page.locator('#line').getAttribute('aria-activedescendant'), 'offer-0');
  await page.keyboard.press('Enter');
  assert.equal(await page.locator('#line').inputValue(), '/pause Debugger ');
  await page.keyboard.press('Escape');
  await page.locator('#line').fill('');
  await page.keyboard.press('ArrowUp');
  assert.equal(await page.locator('#line').inputValue(), '/kill Debugger', 'what was typed before comes back');
  await page.locator('#line').fill('/reassign OSINT-12 to:arch');
  await until('what stands behind a key is completed', async () => (await options.allInnerTexts()).some((text) => text.includes('Architect')));
  await page.keyboard.press('Tab');
  assert.equal(await page.locator('#line').inputValue(), '/reassign OSINT-12 to:Architect ');
  await page.keyboard.press('Escape');
  await page.reload();
  await page.locator('#link.on').waitFor();
  await page.locator('#line').press('ArrowUp');
  assert.equal(await page.locator('#line').inputValue(), '/kill Debugger', 'also on another view');
  await page.locator('#line').fill('');
  await page.keyboard.press('Escape');
  await page.locator('#line').press('Escape');
});

test('a viewer reads everything and decides nothing', async () => {
  ana.offline = true;
  const vera = await signedIn(chrome, sereno, 'vera');
  await ana.page.locator('#link.on').waitFor();
  ana.offline = false;
  await vera.page.locator('#feed .card, #needs .card').first().waitFor();
  const code = await ana.page.locator('.card.approval').getByText(/^[A-Z0-9]{4}$/).first().innerText();
  assertClean(vera);
  vera.offline = true;
  for (const button of await vera.page.locator('.card.approval button[data-token]').all()) {
    await button.click();
    await vera.page.locator('#toast', { hasText: /you are viewer/ }).waitFor();
  }
  await say(vera.page, `/approve ${code}`);
  await vera.page.locator('#toast', { hasText: '/approve needs approver or admin; you are viewer.' }).waitFor();
  await vera.page.locator('#line').pressSequentially('/app');
  await until('only what a viewer may do is offered', async () => {
    const offered = await vera.page.getByRole('option').allInnerTexts();
    return offered.length === 1 && offered[0].startsWith('/approvals');
  });
  assert.deepEqual(sereno.calls.filter((call) => call.type === 'control.decide'), []);
  await ana.page.locator('#needs .card.approval').waitFor();
  assertClean(ana);
});
