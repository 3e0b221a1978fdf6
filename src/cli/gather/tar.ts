/** A file of an archive; its content is bytes. */
export interface Entry {
  readonly name: string
  readonly content: Buffer
}

const BLOCK = 512

/** The bytes of an archive (POSIX ustar): plain files that only their owner may read. */
export function tarOf(entries: readonly Entry[], seconds: number): Buffer {
  const blocks = entries.flatMap(({name, content}) => [
    header(name, content.length, seconds),
    content,
    Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK),
  ])
  return Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)])
}

function header(name: string, size: number, seconds: number): Buffer {
  const bytes = Buffer.from(name)
  if (bytes.length > 99) throw new Error(`${name} is too long for an archive`)
  const block = Buffer.alloc(BLOCK)
  const octal = (value: number, at: number, digits: number): number =>
    block.write(`${value.toString(8).padStart(digits, '0')}\0`, at)
  bytes.copy(block, 0)
  octal(0o600, 100, 7)
  octal(0, 108, 7)
  octal(0, 116, 7)
  octal(size, 124, 11)
  octal(Math.floor(seconds), 136, 11)
  block.write('        ', 148)
  block.write('0', 156)
  block.write('ustar\u000000', 257, 'latin1')
  octal(
    block.reduce((sum, byte) => sum + byte, 0),
    148,
    6,
  )
  return block
}
