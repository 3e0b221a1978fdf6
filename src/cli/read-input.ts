import {readFile} from 'node:fs/promises'
import {text} from 'node:stream/consumers'

/** A file's text, or for `-` what comes in: /dev/stdin cannot be opened where that is a socket, as of ssh. */
export const readInput = (file: string): Promise<string> =>
  file === '-' ? text(process.stdin) : readFile(file, 'utf8')
