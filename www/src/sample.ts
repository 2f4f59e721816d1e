/**
 * A small folder for those who have none at hand: invented files with planted findings, held in memory.
 *
 * The values that look like keys are put together here, so that no scanner of this repository takes them for real.
 */

import { ofFiles, type Folder } from './folder';

const join = (...parts: string[]): string => parts.join('');
const AWS = join('AK', 'IA', 'Q4ZT', '7WLM', '2XKD', '9RNB');
const GITHUB = join('gh', 'p_', 'u7Qm2', 'ZxV9s', 'K4tYb', 'R1wLe', '8NcJd', '0HfPa', '5GiOE3');
const PASSWORD = join('kV9', '-wq2', 'Lm7', 'xTz');

const FILES: Record<string, string> = {
  'README.md': '# Harbour\n\nA small service that counts ships.\n\n    npm start\n',
  'LICENSE': 'SPDX-License-Identifier: MIT\n',
  'package.json': `${JSON.stringify(
    { name: 'harbour', version: '2.3.1', license: 'MIT', dependencies: { fastify: '^5.2.0', pg: '^8.13.1' }, devDependencies: { vitest: '^3.0.4' } },
    null, 2)}\n`,
  'src/main.js': '// SPDX-License-Identifier: MIT\nimport { serve } from "./serve.js";\n\nserve(8080);\n',
  'src/serve.js': 'export function serve(port) {\n<<<<<<< HEAD\n  return listen(port, { log: true });\n=======\n  return listen(port);\n>>>>>>> logging\n}\n',
  'src/ships.py': '# SPDX-License-Identifier: MIT\ndef ships(harbour):\n    return [berth.ship for berth in harbour if berth.ship]\n',
  'tools/Cargo.toml': '[package]\nname = "tally"\nversion = "0.4.0"\nlicense = "MIT"\n\n[dependencies]\nserde = "1"\nclap = { version = "4", optional = true }\n',
  'tools/src/main.rs': '// SPDX-License-Identifier: MIT\nfn main() {\n    println!("{}", std::env::args().count());\n}\n',
  'deploy/.env': `AWS_ACCESS_KEY_ID=${AWS}\nDATABASE_URL=postgres://harbour:${PASSWORD}@db.internal:5432/ships\n`,
  'deploy/release.sh': `#!/bin/sh\ncurl -H "Authorization: token ${GITHUB}" https://api.github.com/user\n`,
  'docs/<img src=x onerror=alert(1)>.md': 'A file name may hold anything. It stays text.\n',
};

export function sample(): Folder {
  const file = (path: string, body: BlobPart) => new File([body], path.split('/').at(-1)!);
  const files = Object.entries(FILES).map(([path, body]): [string, File] => [path, file(path, body)]);
  files.push(['data/berths.txt', file('data/berths.txt', new Uint8Array([0x6e, 0xf8, 0x72, 0x64, 0x0a, 0xff, 0x0a]))]);
  return ofFiles('harbour (sample)', files);
}
