// The platform's name for "bytes in any form", which typed-array-utils uses and @types/node 20 does not declare.
type BufferSource = ArrayBufferView | ArrayBuffer
