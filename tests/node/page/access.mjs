// The page for everybody: contrast, names and roles, targets for thumbs, quiet motion, and reading without a script.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { Sereno, assertClean, browser, endAll, phone, question, signedIn } from './kit.mjs';

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
let sereno;
let chrome;
let axe;
let storageState;

before(async () => {
  const path = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
  [sereno, chrome, axe] = await Promise.all([Sereno.start(), browser(), readFile(path, 'utf8')]);
  const scout = { agent: { id: 'scout', name: 'Scout' }, session: { id: 'scout-1' }, task: { id: 'OSINT-15' } };
  const call = { name: 'Bash', input: { command: 'pytest -k race' }, ok: false, result_digest: 'failed' };
  await sereno.report(
    { type: 'task.created', ...scout, task: { id: 'OSINT-15', title: 'Map 400 sources' } },
    { type: 'step.ended', ...scout, step: { name: 'Analyse', index: 1, of: 3 }, message: '3 hypotheses' },
    { type: 'model.call', ...scout, model: 'claude-opus-4-5', usage: { input_tokens: 400000, output_tokens: 9000, cost_usd: '5.24' } },
    { type: 'model.call', ...scout, model: 'a-model-without-a-price', usage: { input_tokens: 10, output_tokens: 10 } },
    ...[1, 2, 3, 4, 5].flatMap((n) => ['tool.started', 'tool.ended'].map((type) => ({ type, ...scout, tool: { ...call, call_id: `c${n}` } }))),
    { type: 'agent.status', agent: { id: 'docs', name: 'Docs' }, status: 'stopped', error: { type: 'rate_limit' } },
    { type: 'task.completed', ...scout, task: { id: 'OSINT-11' }, message: 'Race condition in line 247' },
    question('Debugger', 'pytest tests/', { reason: 'The race only shows when the whole suite runs.' }),
  );
  const ana = await signedIn(chrome, sereno);
  await ana.page.locator('#line').fill('/agents');
  await ana.page.locator('#line').press('Enter');
  await ana.page.locator('.card.agents').waitFor();
  storageState = await ana.context.storageState();
  await ana.context.close();
});
after(endAll);

/** What axe finds wrong, in one line each. */
async function complaints(page) {
  await page.evaluate(axe);
  const { violations, passes } = await page.evaluate((values) => window.axe.run({ runOnly: { type: 'tag', values } }), TAGS);
  assert.ok(passes.length > 10, 'axe has looked');
  return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html.slice(0, 160)} — ${node.any[0]?.message ?? node.all[0]?.message ?? node.none[0]?.message}`));
}

for (const colorScheme of ['light', 'dark']) {
  for (const viewport of [{ width: 360, height: 780 }, { width: 1280, height: 800 }]) {
    test(`axe has nothing to say, ${colorScheme}, ${viewport.width} px`, async () => {
      const one = await phone(chrome, sereno.url, { storageState, colorScheme, viewport, reducedMotion: 'reduce' });
      for (const view of ['', 'agents', 'cost', 'more', 'card/1']) {
        await one.page.goto(`${sereno.url}/${view}`);
        await one.page.locator('#link.on').waitFor();
        if (view === '') {
          for (const kind of ['approval.needs', 'alert.needs', 'loop.needs', 'completion', 'agents', 'milestone']) {
            await one.page.locator(`.card.${kind}`).first().waitFor();
          }
        }
        assert.deepEqual(await complaints(one.page), [], `/${view}`);
        const wide = await one.page.evaluate(() => document.documentElement.scrollWidth);
        assert.equal(wide, viewport.width, `/${view} is as wide as the screen`);
      }
      await one.page.goto(sereno.url);
      await one.page.locator('#line').fill('/');
      await one.page.getByRole('option').first().waitFor();
      await one.page.keyboard.press('ArrowDown');
      assert.deepEqual(await complaints(one.page), [], 'with completions');
      await one.page.keyboard.press('Escape');
      await one.page.getByRole('button', { name: 'Reject + why' }).click();
      assert.deepEqual(await complaints(one.page), [], 'with a question to a person');
      assertClean(one);
      await one.context.close();
    });
  }

  test(`axe has nothing to say about signing in, ${colorScheme}`, async () => {
    const one = await phone(chrome, sereno.url, { colorScheme });
    await one.page.goto(`${sereno.url}/#signin=${'0'.repeat(64)}`);
    assert.deepEqual(await complaints(one.page), []);
    await one.context.close();
  });
}

test('thumbs find every button, and none beside another', async () => {
  const one = await phone(chrome, sereno.url, { storageState, hasTouch: true });
  await one.page.goto(sereno.url);
  const boxes = [];
  for (const button of await one.page.locator('.card button, #say button, #line, nav a').all()) {
    if (await button.isVisible()) boxes.push([await button.innerText(), await button.boundingBox()]);
  }
  assert.ok(boxes.length >= 12);
  for (const [name, { width, height }] of boxes) assert.ok(width >= 44 && height >= 44, `${name}: ${width} × ${height}`);
  for (const group of await one.page.locator('.buttons[role=group]').all()) {
    const places = await Promise.all((await group.locator('button').all()).map((button) => button.boundingBox()));
    for (const [index, a] of places.entries()) {
      for (const b of places.slice(index + 1)) {
        const [gapX, gapY] = [Math.max(b.x - a.x - a.width, a.x - b.x - b.width), Math.max(b.y - a.y - a.height, a.y - b.y - b.height)];
        assert.ok(Math.max(gapX, gapY) >= 7.5, `8 px between targets, not ${Math.max(gapX, gapY)}`);
      }
    }
  }
  const card = one.page.locator('#needs .card.approval');
  const [stop, approve] = await Promise.all(['Reject + stop', 'Approve once'].map((name) => card.getByRole('button', { name }).boundingBox()));
  assert.ok(stop.y - approve.y - approve.height > 8, 'what cannot be taken back stands apart');
  await one.context.close();
});

test('the answer stays in reach and nothing covers it', async () => {
  const one = await phone(chrome, sereno.url, { storageState });
  await one.page.goto(sereno.url);
  const approve = one.page.locator('#needs .card.approval').getByRole('button', { name: 'Approve once' });
  await approve.waitFor();
  const box = await approve.boundingBox();
  assert.ok(box.y + box.height < 780, 'on the first screen');
  const hit = await one.page.evaluate(([x, y]) => document.elementFromPoint(x, y).textContent, [box.x + box.width / 2, box.y + box.height / 2]);
  assert.match(hit, /Approve once/);
  await one.page.evaluate(() => scrollTo(0, document.body.scrollHeight));
  await one.page.getByRole('link', { name: /need/ }).click();
  await one.page.locator('#needs h2').waitFor();
  const top = await one.page.evaluate(() => [document.querySelector('#needs h2').getBoundingClientRect().top, document.querySelector('.top').getBoundingClientRect().bottom]);
  assert.ok(top[0] >= top[1] - 1, `the heading is not under the header: ${top}`);
  await one.context.close();
});

test('motion is for those who like it', async () => {
  for (const [reducedMotion, name] of [['reduce', 'none'], ['no-preference', 'fresh']]) {
    const one = await phone(chrome, sereno.url, { storageState, reducedMotion });
    await one.page.goto(sereno.url);
    const animation = await one.page.evaluate(() => {
      const card = document.querySelector('#feed .card');
      card.classList.add('fresh');
      return getComputedStyle(card).animationName;
    });
    assert.equal(animation, name);
    await one.context.close();
  }
});

test('without a script everything can be read', async () => {
  const one = await phone(chrome, sereno.url, { storageState, javaScriptEnabled: false });
  await one.page.goto(sereno.url);
  await one.page.getByText('Debugger wants to run: pytest tests/').waitFor();
  assert.equal(await one.page.locator('noscript p').innerText(), 'Live updates and buttons need JavaScript; reading does not.');
  assert.match(await one.page.locator('#sentence').innerText(), /^1 needs you · \d alerts open · \d agents · \$5\.24 today$/);
  await one.page.getByRole('link', { name: 'Agents', exact: true }).click();
  await one.page.locator('.agents li', { hasText: 'Scout' }).getByText('$5.24').waitFor();
  await one.page.getByRole('link', { name: 'Cost', exact: true }).click();
  await one.page.getByRole('heading', { name: 'Cost · today $5.24' }).waitFor();
  await one.context.close();
  const stranger = await phone(chrome, sereno.url, { javaScriptEnabled: false });
  await stranger.page.goto(`${sereno.url}/#signin=${'0'.repeat(64)}`);
  assert.equal(await stranger.page.locator('noscript p').innerText(), 'Signing in needs JavaScript.');
  await stranger.context.close();
});
