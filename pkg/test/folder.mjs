// A small repository to be audited, with one secret in it.

import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** What lies in it. The secret is put together, so that nothing that looks for secrets finds this file. */
export const FILES = {
  'README.md': '# A repository\n\nNothing to see.\n',
  'src/main.rs': '// SPDX-License-Identifier: MIT\nfn main() {\n    println!("hello");\n}\n',
  'src/config.py': `REGION = "eu-1"\nKEY = "${['AKIA', 'Q3EGRIPTZX4M', 'LW7N'].join('')}"\n`,
  'Cargo.toml': '[package]\nname = "a"\nversion = "0.1.0"\n\n[dependencies]\nserde = "1"\n',
};

/** Writes it below `path`. */
export async function folder(path, files = FILES) {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(path, name)), { recursive: true });
    await writeFile(join(path, name), text);
  }
}
