/** What glue was made with: part of the name under which it is cached. The build holds it against the lock file. */
export const TRANSPILER = 'jco-transpile-0.15.0+memory-1+fuel-2';
