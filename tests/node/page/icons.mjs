// Draws the icons of the installed page from its one drawing; run when that has changed:
//   node tests/node/page/icons.mjs

import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const FOLDER = fileURLToPath(new URL('../../../templates/web/', import.meta.url));
const drawing = await readFile(`${FOLDER}icon.svg`, 'utf8');
// What a phone shows beside the clock is a shape of one colour.
const shape = drawing.replace(/<rect width="512".*\n/, '').replace(/#[0-9a-f]{6}/g, '#ffffff');
const chrome = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
for (const [name, size, svg] of [['icon-192', 192, drawing], ['icon-512', 512, drawing], ['badge-96', 96, shape]]) {
  const page = await chrome.newPage({ viewport: { width: size, height: size } });
  await page.setContent(`<style>body{margin:0}svg{display:block;width:${size}px;height:${size}px}</style>${svg}`);
  await writeFile(`${FOLDER}${name}.png`, await page.screenshot({ omitBackground: true }));
  await page.close();
}
await chrome.close();
