/** The package's own WebAssembly, loaded from whatever a file host makes of it. */

/** Rejects with one sentence that names the address, and the code `boot`. */
export async function load(address: string): Promise<WebAssembly.Module> {
  const wrong = (why: string) => Object.assign(new Error(`${address} ${why}`), { code: 'boot' });
  const answer = await fetch(address).catch(() => {
    throw wrong('cannot be reached: it belongs beside the script of this package that asks for it');
  });
  if (!answer.ok) throw wrong(`is not there (the server answers ${answer.status}): it belongs beside the script of this package that asks for it`);
  // Compiling while it is loaded wants a MIME type that not every host knows.
  const typed = /^application\/wasm$/i.test(answer.headers.get('content-type') ?? '');
  try {
    return await (typed ? WebAssembly.compileStreaming(answer) : WebAssembly.compile(await answer.arrayBuffer()));
  } catch (error) {
    if (!(error instanceof WebAssembly.CompileError)) throw wrong('could not be loaded to its end: load the page again');
    const forbidden = /Content Security Policy|unsafe-eval/i.test(error.message);
    throw wrong(forbidden ? "may not be compiled: the Content-Security-Policy of the page must allow `script-src 'wasm-unsafe-eval'`" : 'is no WebAssembly: does the server answer another file in its place?');
  }
}
