import {readFileSync} from 'node:fs'
import path from 'node:path'

export const ROOT = path.resolve(import.meta.dirname, '../../..')
const {version} = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {version: string}

/** What `npm run image` makes. */
export const IMAGE = path.join(ROOT, `dist/image/isthmus_${version}.qcow2`)
export const UPGRADE = path.join(ROOT, `dist/image/isthmus_${version}.upgrade`)
