/**
 * The page's policy lets no string become markup or script (`require-trusted-types-for 'script'`). What has to be
 * loaded by address, the package's workers and the page's own service worker, comes from beside the page.
 */

interface Policies { createPolicy(name: string, rules: { createScriptURL(address: string): string }): unknown }

export function guardScripts(): void {
  const policies = (globalThis as { trustedTypes?: Policies }).trustedTypes;
  policies?.createPolicy('default', {
    createScriptURL(address) {
      const { origin, protocol } = new URL(address, location.href);
      if (origin !== location.origin || protocol === 'blob:') throw new TypeError(`${address} is not a script of this page`);
      return address;
    },
  });
}
