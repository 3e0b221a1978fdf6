import {link, rename, rm} from 'node:fs/promises'
import {basename, dirname} from 'node:path'
import {replaceConfigFile} from '../../store/index.ts'
import {handOver} from '../hand-over.ts'
import {untilTold} from '../until-told.ts'

/**
 * Puts the configuration in its place, whole or not at all; a Ctrl-C meanwhile is too late. Where there was one it stays as
 * FILE.before-setup: a second name for it, which a full disk cannot cut short.
 */
export async function putConfig(file: string, text: string, keep: boolean): Promise<string | null> {
  const kept = `${file}.before-setup`
  await untilTold(async () => {
    if (keep) {
      await rm(`${kept}.new`, {force: true})
      await link(file, `${kept}.new`)
      await rename(`${kept}.new`, kept)
    }
    await replaceConfigFile(file, text, true)
    await handOver(dirname(file), [basename(file)])
  })
  return keep ? kept : null
}
