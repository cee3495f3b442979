// Takes the pictures of the README from the demo, at the moment at which a person is needed:
//   SERENO=target/debug/sereno node tests/node/page/pictures.mjs

import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { browser, demo, endAll, phone } from './kit.mjs';

const FOLDER = fileURLToPath(new URL('../../../docs/images/', import.meta.url));
const PICTURES = [
  ['phone', { viewport: { width: 360, height: 1130 }, deviceScaleFactor: 2, colorScheme: 'light' }],
  ['desktop', { viewport: { width: 1280, height: 800 }, deviceScaleFactor: 1, colorScheme: 'dark' }],
];

try {
  await mkdir(FOLDER, { recursive: true });
  const [story, chrome] = await Promise.all([demo('--speed', '4'), browser()]);
  const you = await phone(chrome, story.url);
  await you.page.goto(story.link);
  await you.page.getByRole('button', { name: 'Sign in here' }).click();
  for (const card of ['loop', 'alert', 'approval']) await you.page.locator(`#needs .card.${card}`).waitFor();
  const storageState = await you.context.storageState();
  for (const [name, options] of PICTURES) {
    const { page } = await phone(chrome, story.url, { storageState, reducedMotion: 'reduce', ...options });
    await page.goto(story.url);
    await page.locator('#link.on').waitFor();
    await page.screenshot({ path: `${FOLDER}${name}.png` });
  }
} finally {
  await endAll();
}
