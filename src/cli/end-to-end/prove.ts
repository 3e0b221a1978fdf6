import type {Answer, ApiClient} from '../../api/client.ts'
import type {GatewayConfig} from '../../model/index.ts'
import {type CliContext, EXIT} from '../context.ts'
import {disrupt} from './disrupt.ts'
import {judgeSite} from './judge-site.ts'
import {endpointsOf, kernelJudgeOr, kernelRoutes, lookAt, uplinkDevicesNow} from './look.ts'
import {type Proof, statusOf} from './proof.ts'
import {seededBelow} from './sample.ts'
import {machineTools, type Tools} from './tools.ts'

export interface ToProve {
  readonly context: CliContext
  readonly api: ApiClient
  readonly config: GatewayConfig
  readonly sites: readonly string[]
  readonly seed: number
  /** Also takes a tunnel down, and restarts what systemd runs. */
  readonly disruptive: boolean
}

/** Looks at some remote sites from this gateway and judges what was seen; changes nothing unless that is asked for. */
export async function proveSites(
  {context, api, config, sites, seed, disruptive}: ToProve,
  tools: Tools = machineTools,
): Promise<Answer<readonly Proof[]>> {
  const status = await api.status()
  if (!status.ok) return status
  const peers = await api.get('peers', null, {limit: 0})
  context.progress('endpoints, routes')
  const below = seededBelow(seed)
  const [endpoints, routes, devices, judge] = await Promise.all([
    endpointsOf(api, [config.site, ...sites], below),
    kernelRoutes(tools),
    uplinkDevicesNow(config, tools),
    kernelJudgeOr(tools),
  ])
  const looker = {
    ...{context, api, config, status: status.value, endpoints, routes, uplinkDevices: devices, judge, tools, below},
    // Of a BIRD that is away there are none, which is what is then told.
    peers: peers.ok ? peers.value.items : [],
  }
  const value: Proof[] = []
  for (const site of sites) value.push(...judgeSite(await lookAt(looker, site)))
  // What is broken already tells nothing about what a disruption does.
  if (disruptive && statusOf(value) !== EXIT.finding) {
    value.push(...(await disrupt({context, api, config, sites, endpoints, tools})))
  }
  return {ok: true, value: value.map((proof) => (proof.result === 'ok' ? {...proof, next: null} : proof))}
}
