import type {Finding} from '../model/index.ts'
import type {PassReport} from './pass.ts'

/** What the kernel of this machine cannot do, of what the configuration wants: trying again changes nothing by itself. */
export function kernelFindings(report: Pick<PassReport, 'failures'> | null): Finding[] {
  return (report?.failures ?? []).flatMap(({step, code, cause}): Finding[] =>
    code === 'unsupported'
      ? [
          {
            code: 'kernel-missing-module',
            severity: 'error',
            where: {source: 'kernel', key: step},
            detail: `${cause}; what needs it is not there, all else goes on`,
            remedy: 'load or install the module, or configure another encapsulation at both ends',
          },
        ]
      : [],
  )
}
