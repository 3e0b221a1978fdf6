import {type Check, given, nothing} from '../check.ts'
import type {Facts} from '../facts.ts'

export const TWIN_CHECKS: readonly Check[] = [
  {
    code: 'twin-silent',
    theme: 'twins',
    looksAt: "whether the site's other gateway answers on the LAN",
    judge: (facts) =>
      ofTwin(facts, ({twin, twinAnswers}) =>
        given(twinAnswers, (answers) => {
          if (answers) return {evidence: [`${twin} answers`], found: []}
          const detail = `the other gateway (${twin}) does not answer on the LAN: this one is alone, or cut off`
          const remedy = 'is it up? `ip neigh`, the switch; if it is up, which of the two do the nodes reach?'
          return {evidence: [], found: [{severity: 'error', where: {source: 'twin', key: twin}, detail, remedy}]}
        }),
      ),
  },
  {
    code: 'virtual-address-nowhere',
    theme: 'twins',
    looksAt: 'whether somebody has the address that nodes send to',
    follows: ['twin-silent'],
    judge: (facts) =>
      ofTwin(facts, ({virtual}) => {
        if (virtual === null) return nothing('nodes send to no address that moves')
        const {address, here, answers} = virtual
        if (here) return {evidence: [`${address} is here`], found: []}
        return given(answers, (answered) => {
          if (answered) return {evidence: [`${address} is at the other gateway`], found: []}
          const detail = `nobody has ${address}, which nodes send to`
          const remedy = '`systemctl status keepalived` on both gateways'
          return {evidence: [], found: [{severity: 'error', where: {source: 'twin', key: address}, detail, remedy}]}
        })
      }),
  },
]

type Twin = Extract<Facts['twin'], {ok: true}>['value']

const ofTwin = (
  {config, twin}: Facts,
  judge: (twin: Twin) => ReturnType<Check['judge']>,
): ReturnType<Check['judge']> => (config.lan ? given(twin, judge) : nothing('the site has one gateway'))
