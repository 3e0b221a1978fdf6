import type {BirdRoute, RemoteSite} from '../model/index.ts'
import {neighborsTo} from '../model/index.ts'
import {type Prefix, prefixContains, prefixLength, realPrefix} from '../net/index.ts'
import {betterBy} from './better-route.ts'
import type {BgpSession} from './bird-config.ts'
import {fallbackProtocol, lastTranslatedProtocol, lastWaysProtocol, translatedProtocol} from './input.ts'
import {planRouting} from './plan.ts'
import {refusedBy} from './refused-by.ts'
import type {SessionFacts, Way, WayStep, WhyNotFacts} from './way.ts'
import {coveringOf, nobodys, ownedBy, toSite} from './way-to-site.ts'

/** A session that could bring the prefix, as planned and as BIRD has it. */
interface Bringing {
  readonly planned: BgpSession
  readonly seen: SessionFacts | null
}

/**
 * Walks the way of a prefix from whom it belongs to until the kernel has it, and says at each step what was seen.
 *
 * The walk goes on where a step fails: what comes after may hold all the same, or fail for a reason of its own. `why` is
 * the first that fails. Which filter lets what pass is asked of the plan's own rules; what came by is BIRD's word.
 */
export function whyNot(facts: WhyNotFacts, prefix: Prefix): Way {
  const {bird} = facts
  const {config} = facts.input
  const isOwn = config.owns.some((own) => prefixContains(own, prefix))
  const site = isOwn
    ? null
    : ([...config.sites.values()].find(({owns}) => owns.some((own) => prefixContains(own, prefix))) ?? null)
  const sessions = sessionsFor(facts, site, isOwn)
  const isTranslated = site !== null && realPrefix(site.translations, prefix) !== null
  const steps: WayStep[] = [
    ...(isOwn
      ? [ofOurs(coveringOf(config.owns, prefix))]
      : site
        ? [ownedBy(site, prefix), ...toSite(facts, site)]
        : [nobodys(facts, prefix)]),
    ...(bird === null
      ? [BIRD_AWAY]
      : [
          ...(isTranslated ? [overTunnels(facts, prefix, sessions)] : bringing(facts, prefix, sessions)),
          ...inUse(facts, prefix),
        ]),
  ]
  const best = bird?.covering.find((route) => route.best)
  const here = best !== undefined && best.dest === 'unicast' && !isLastWay(best) && !best.refusedByKernel
  const failed = steps.find(({ok}) => ok === false)
  const nothing = 'no step fails, and there is no route: look again in a moment'
  return {prefix, here, why: here ? `it is here: ${wayOf(best)}` : (failed?.evidence ?? nothing), steps}
}

const isLastWay = ({protocol}: BirdRoute): boolean => [lastWaysProtocol(4), lastWaysProtocol(6)].includes(protocol)

const ofOurs = (own: Prefix): WayStep => ({step: 'owner', ok: true, evidence: `it is this site's own: owns has ${own}`})

const BIRD_AWAY: WayStep = {
  step: 'session',
  ok: false,
  evidence: 'BIRD does not answer, so there are no sessions and no news of routes',
  remedy: 'systemctl status bird; isthmus get findings',
}

function wayOf({prefix, protocol, dest, via}: BirdRoute): string {
  const hops = via.map(({address, device}) => (address === null ? `on ${device}` : `via ${address} on ${device}`))
  return `${prefix} by ${protocol}, ${hops.length === 0 ? dest : hops.join(' and ')}`
}

/** Own prefixes come from nodes; a site's over tunnels to it or its hubs, or by the WAN; all else by the WAN. */
function sessionsFor({input, bird}: WhyNotFacts, site: RemoteSite | null, isOwn: boolean): Bringing[] {
  const {sessions} = planRouting(input).bird
  const neighbors = site ? neighborsTo(site) : []
  const leading = new Set(input.tunnels.filter((one) => neighbors.includes(one.site)).map(({session}) => session))
  const seen = [...(bird?.covering ?? []), ...(bird?.inside ?? []), ...(bird?.filtered ?? [])]
  const telling = new Set(seen.map(({protocol}) => protocol))
  const isBringing = ({name, kind}: BgpSession): boolean => {
    // Also who should not, and does.
    if (telling.has(name)) return true
    if (isOwn) return kind === 'node'
    if (site === null || (site.encapsulation === 'none' && site.via.length === 0)) return kind === 'wan'
    return leading.has(name) || kind === 'twin'
  }
  return sessions
    .filter(isBringing)
    .map((planned) => ({planned, seen: bird?.sessions.find(({name}) => name === planned.name) ?? null}))
}

/** Of each session whether it is up, whether it tells of the prefix, and what the import makes of that. */
function bringing({bird, input}: WhyNotFacts, prefix: Prefix, sessions: readonly Bringing[]): WayStep[] {
  if (sessions.length === 0) return []
  const down = sessions.filter(({seen}) => !seen?.up)
  const steps: WayStep[] = down.map(({planned, seen}): WayStep => {
    const words =
      seen === null
        ? 'BIRD does not have it'
        : `it is ${seen.state}${seen.lastError ? `, last error: ${seen.lastError}` : ''}`
    return {
      step: 'session',
      // Another way may do.
      ok: down.length < sessions.length ? null : false,
      evidence: `session ${planned.name} with ${planned.neighbor} is not up: ${words}`,
      remedy: `isthmus get peers -o wide; ${pingOf(input, planned)}`,
    }
  })
  const up = sessions.filter(({seen}) => seen?.up)
  const told = up.map((session) => toldOver(bird!, prefix, session))
  const isTold = told.flat().some(({step, ok}) => step === 'import' && ok)
  // What one session brings, the others need not.
  return [...steps, ...told.flat().map((step) => (isTold && step.ok === false ? {...step, ok: null} : step))]
}

/** Of an inner address `isthmus ping` asks nothing: it is no site's. Of a site it asks below and through each tunnel. */
function pingOf({tunnels}: WhyNotFacts['input'], {name, neighbor}: BgpSession): string {
  const tunnel = tunnels.find(({session}) => session === name)
  return tunnel ? `isthmus ping ${tunnel.site}` : `ping ${neighbor}`
}

/** Nobody announces what is called so only here. */
function overTunnels({input, bird}: WhyNotFacts, prefix: Prefix, sessions: readonly Bringing[]): WayStep {
  const {covering} = bird!
  const names: readonly string[] = ([4, 6] as const).flatMap((family) => [
    translatedProtocol(family),
    lastTranslatedProtocol(family),
    ...sessions.flatMap(({planned: {kind, name}}) => (kind === 'twin' ? [name] : [])),
  ])
  const ok = covering.some(({protocol, dest}) => dest === 'unicast' && names.includes(protocol))
  const evidence = `${prefix} is known so only here, by a static route over its tunnels`
  if (ok) return {step: 'announced', ok, evidence}
  const far = sessions.flatMap(({planned}) => (planned.kind === 'tunnel' ? [pingOf(input, planned)] : []))
  const remedy = ['isthmus get tunnels', ...new Set(far)].join('; ')
  return {step: 'announced', ok, evidence: `${evidence}: there is none now, none of them is up`, remedy}
}

type Bird = NonNullable<WhyNotFacts['bird']>

function toldOver({covering, inside, filtered}: Bird, prefix: Prefix, {planned, seen}: Bringing): WayStep[] {
  const {name, neighbor} = planned
  const steps: WayStep[] = [{step: 'session', ok: true, evidence: `session ${name} with ${neighbor} is up`}]
  const isOf = ({protocol}: BirdRoute): boolean => protocol === name
  const taken = [...covering, ...inside].filter(isOf)
  const refused = filtered.filter(isOf)
  if (seen?.limitHit) {
    const evidence = `session ${name} is over its limit of ${seen.limitHit.limit} prefixes: more are not taken`
    steps.push({
      step: 'announced',
      ok: taken.length > 0 ? null : false,
      evidence,
      remedy: 'isthmus get findings: peer-over-limit',
    })
  }
  if (taken.length + refused.length === 0) {
    steps.push({
      step: 'announced',
      ok: false,
      evidence: `${neighbor} announces neither ${prefix} nor anything in it over ${name}; of all that it announces ${seen?.imported ?? 0} are taken, ${seen?.filtered ?? 0} refused`,
      remedy: `there: isthmus get routes --why-not ${prefix}; a prefix is announced while something inside the site has it`,
    })
    return steps
  }
  steps.push({step: 'announced', ok: true, evidence: `${neighbor} announces ${names([...taken, ...refused])}`})
  for (const route of refused) {
    const reason = refusedBy(planned.import, route)
    const words = reason ?? 'which the rules planned now would take: they are not in force yet'
    steps.push({
      step: 'import',
      ok: taken.length > 0 ? null : false,
      evidence: `the import of ${name} refuses ${route.prefix}: ${words}`,
      remedy: remedyOf(planned),
    })
  }
  if (taken.length > 0) steps.push({step: 'import', ok: true, evidence: `the import of ${name} takes ${names(taken)}`})
  return steps
}

const remedyOf = ({kind}: BgpSession): string =>
  kind === 'wan' ? "the peer's import in gateway.yaml" : 'what is granted: owns in gateway.yaml, here and there'

const SHOWN = 3

function names(routes: readonly BirdRoute[]): string {
  const all = [...new Set(routes.map(({prefix}) => prefix))]
  return all.length > SHOWN ? `${all.slice(0, SHOWN).join(', ')} and ${all.length - SHOWN} more` : all.join(', ')
}

/** Which route packets take, what it is better than, and whether the kernel has it. */
function inUse({bird, input}: WhyNotFacts, prefix: Prefix): WayStep[] {
  const {covering, inside} = bird!
  const best = covering.find((route) => route.best)
  const fallbacks: readonly string[] = [fallbackProtocol(4), fallbackProtocol(6)]
  const steps: WayStep[] = []
  if (!best) {
    steps.push({step: 'best', ok: false, evidence: 'BIRD has no route that holds it, not even a default one'})
  } else if (fallbacks.includes(best.protocol)) {
    steps.push({
      step: 'best',
      ok: false,
      evidence: `${best.prefix} is unreachable here: nobody announces it (${best.protocol})`,
    })
  } else if (isLastWay(best)) {
    const evidence = `no session tells of it; packets go where it is granted to all the same: ${wayOf(best)}`
    steps.push({step: 'best', ok: false, evidence})
  } else {
    const others = covering.filter((route) => route !== best && !fallbacks.includes(route.protocol))
    const better = others.map((other) => `; better than by ${other.protocol}: ${betterBy(best, other)}`).join('')
    const isWider = prefixLength(best.prefix) < prefixLength(prefix)
    const wider = isWider ? `, which holds more than ${prefix}` : ''
    steps.push({step: 'best', ok: best.dest === 'unicast', evidence: `in use is ${wayOf(best)}${wider}${better}`})
  }
  const longer = inside.filter((route) => route.best && route.prefix !== best?.prefix)
  const elsewhere = longer.filter((route) => !best || firstDevice(route) !== firstDevice(best))
  if (elsewhere.length > 0) {
    const evidence = `of it ${names(elsewhere)} goes another way: ${elsewhere.slice(0, SHOWN).map(wayOf).join('; ')}`
    steps.push({
      step: 'best',
      ok: best?.dest === 'unicast' ? null : elsewhere.some(({dest}) => dest === 'unicast') ? null : false,
      evidence,
    })
  }
  const refused = [...covering, ...longer].filter((route) => route.best && route.refusedByKernel)
  if (refused.length > 0) {
    const evidence = `the kernel did not take ${names(refused)}`
    steps.push({step: 'kernel', ok: false, evidence, remedy: `journalctl -u bird; ip route show ${prefix}`})
  } else if (best?.dest === 'unicast' && !input.draining) {
    steps.push({step: 'kernel', ok: true, evidence: `the kernel has ${best.prefix}, as BIRD says`})
  }
  return steps
}

const firstDevice = ({via, dest}: BirdRoute): string => via[0]?.device ?? dest
