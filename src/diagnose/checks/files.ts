import {type Check, eachOf, givenBoth} from '../check.ts'
import type {FileFacts} from '../facts.ts'

const OTHERS_WRITE = 0o022
const OTHERS = 0o007

const modeText = (mode: number): string => (mode & 0o7777).toString(8).padStart(4, '0')

/** A file of these kinds that others may do with what `mask` says. */
const open = (
  code: Check['code'],
  looksAt: string,
  kinds: readonly FileFacts['kind'][],
  mask: number,
  say: (path: string) => {detail: string; remedy: string},
): Check => ({
  ...{code, theme: 'files', looksAt},
  judge: ({machine}) =>
    eachOf(
      machine.files.filter(({kind}) => kinds.includes(kind)),
      'none of these files',
      ({path, seen}) => {
        // What is not there is not open; that it is missing, its own check says.
        if (!seen.ok) return {evidence: `${path}: ${seen.why}`}
        const {mode} = seen.value
        const evidence = `${path}: ${modeText(mode)}`
        if ((mode & mask) === 0) return {evidence}
        const {detail, remedy} = say(path)
        return {
          evidence,
          found: {
            severity: 'warning',
            where: {source: 'machine', key: path},
            detail: `${detail} (mode ${modeText(mode)})`,
            remedy,
          },
        }
      },
    ),
})

export const FILE_CHECKS: readonly Check[] = [
  open('config-writable-by-others', 'who may write gateway.yaml', ['config'], OTHERS_WRITE, (path) => ({
    detail: `others than its owner may write ${path}, and so what this gateway believes`,
    remedy: `chmod go-w ${path}`,
  })),
  open('socket-open', 'who may speak to the daemon and to BIRD', ['api-socket', 'bird-socket'], OTHERS, (path) => ({
    detail: `everybody on this machine may speak to ${path}, and so change what it does`,
    remedy: `chmod o-rwx ${path}, and in the unit \`UMask=0027\``,
  })),
  open('state-open', 'who may read keys and state', ['state'], OTHERS, (path) => ({
    detail: `everybody on this machine may look into ${path}: private keys lie there`,
    remedy: `chmod -R o-rwx ${path}; \`isthmus keys rotate\` if somebody may have read them`,
  })),
  {
    code: 'config-not-in-force',
    theme: 'files',
    looksAt: 'whether the daemon goes by the file',
    judge: ({configText, configInForce, gateway}) =>
      givenBoth(configText, configInForce, (text, inForce) => {
        if (text === inForce) return {evidence: ['the file is what is in force'], found: []}
        // One that is refused or waits for its confirmation is told by the gateway itself, with the reason.
        const told = gateway.ok && gateway.value.findings.some(({code}) => code.startsWith('config-'))
        if (told) return {evidence: ['the file differs, and the gateway says why'], found: []}
        const detail = 'gateway.yaml is not what the daemon goes by'
        const remedy = '`isthmus config diff FILE` shows how they differ; SIGHUP has the daemon read it'
        return {evidence: [], found: [{severity: 'warning', where: {source: 'config'}, detail, remedy}]}
      }),
  },
]
