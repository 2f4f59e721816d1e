// A folder whose names and contents try to become markup, to turn the direction of writing, or to leave their cell.

const KEY = ['AK', 'IA', 'Q4ZT', '7WLM', '2XKD', '9RNB'].join('');
const leak = (before) => `${before} aws_access_key_id = ${KEY}\n`;

export const HOSTILE = {
  '<img src=x onerror=window.hacked=1>.txt': leak('<script>window.hacked=2</script>'),
  '"><svg onload=window.hacked=3>.md': leak('"><svg onload=window.hacked=4>'),
  'invoice\u202efdp.exe.txt': leak('\u202e\u2066 turned'),
  'two\nlines\u001b[31m.txt': leak('\u0007bell'),
  '`|`[x](javascript:window.hacked=5).txt': leak('`|` [x](javascript:window.hacked=6)'),
  [`${'long'.repeat(50)}.txt`]: leak('x'.repeat(3000)),
  '&lt;b&gt;.txt': leak('&lt;b&gt;&amp;'),
  'package.json': JSON.stringify({ name: '<img src=x onerror=window.hacked=7>', version: '<b>1</b>', dependencies: { '<i>dep</i>': '<u>1</u>' } }),
  'LICENSE': 'SPDX-License-Identifier: <script>window.hacked=8</script>\n',
  'a.js': '<<<<<<< <script>\n=======\n>>>>>>> x\n',
};
