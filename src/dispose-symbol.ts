// Node 20 has Symbol.dispose, but not in the contexts of node:vm, where test runners load packages. Classes with a
// method of that name and `using` need it when they are loaded, so the package's entry imports this file first.

// Symbol.for, as compilers' own fallback does.
if (Symbol.dispose === undefined) {
  Object.defineProperty(Symbol, 'dispose', { value: Symbol.for('Symbol.dispose') })
}
