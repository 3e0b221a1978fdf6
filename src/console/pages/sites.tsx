import type {GatewayRow, GatewayStatus, SiteStatus} from '../../api/client.ts'
import type {PageProps} from '../app.tsx'
import {useAsked} from '../asked.ts'
import {DataTable} from '../data-table.tsx'
import {count, span} from '../figures.ts'
import {FindingLine} from '../finding-line.tsx'
import {useLive} from '../live.ts'
import {StateMark} from '../mark.tsx'
import {Facts, PageHead, Panel, Problem, Waiting} from '../panel.tsx'
import {hrefOf} from '../route.ts'
import {SiteTable} from '../site-table.tsx'
import {tiesOf} from '../topology/ties.ts'
import {TunnelTable} from '../tunnel-table.tsx'

export function Sites({route: {name}}: PageProps) {
  const {status} = useLive()
  if (!status) return <Waiting />
  if (name === null) {
    const own = status.sites.find(({local}) => local)
    return (
      <>
        <PageHead title="Sites">
          {own ? <a href={hrefOf('sites', own.name)}>{`This site: ${own.name}`}</a> : null}
        </PageHead>
        <Panel title="Other sites">
          <SiteTable status={status} />
        </Panel>
      </>
    )
  }
  const site = status.sites.find((one) => one.name === name)
  return site ? <OneSite site={site} status={status} /> : <Problem message={`There is no site ${name}.`} />
}

function OneSite({site, status}: {readonly site: SiteStatus; readonly status: GatewayStatus}) {
  const tie = tiesOf([site], status.tunnels)[0]
  const findings = status.findings.filter(
    ({where, conflict}) =>
      where.source.endsWith(` ${site.name}`) || conflict?.sides.some((side) => side.site === site.name),
  )
  return (
    <>
      <PageHead title={site.name}>
        {tie ? <StateMark state={tie.state}>{tie.word}</StateMark> : <StateMark state="up">this site</StateMark>}
        <a href={hrefOf('sites')}>All sites</a>
      </PageHead>
      <div class="pair">
        <Panel title="What it is">
          <Facts
            facts={[
              ['AS', site.as ?? '–'],
              ['Granted', <Prefixes key="granted" prefixes={site.granted} />],
              ['Announces', <Prefixes key="prefixes" prefixes={site.prefixes} />],
              [
                'Knowledge of it',
                site.local ? 'first hand' : `${site.state ?? 'not judged'}, in force: ${site.presence}`,
              ],
              ['Silent for', span(site.silentSeconds)],
              ['Cut off for', span(site.cutSeconds)],
            ]}
          />
        </Panel>
        <Panel title="What it has" aside={<a href={hrefOf('endpoints', null, {site: site.name})}>Endpoints</a>}>
          <Facts
            facts={[
              ['Gateways', count(site.gateways)],
              ['Pods', count(site.pods)],
              ['Hosts', count(site.hosts)],
              ['Network sets', count(site.sets)],
              ['Static prefixes', count(site.staticPrefixes)],
              ['Refused by ownership', count(site.refused)],
            ]}
          />
        </Panel>
      </div>
      <Gateways site={site.name} />
      {tie ? (
        <Panel title="Tunnels to it">
          <TunnelTable tunnels={tie.tunnels} />
        </Panel>
      ) : null}
      {findings.length > 0 ? (
        <Panel title="Findings about it">
          <ul class="lines">
            {findings.map((finding) => (
              <FindingLine key={JSON.stringify(finding)} finding={finding} />
            ))}
          </ul>
        </Panel>
      ) : null}
    </>
  )
}

function Prefixes({prefixes}: {readonly prefixes: readonly string[]}) {
  return prefixes.length === 0 ? <>–</> : <code>{prefixes.join(' ')}</code>
}

function Gateways({site}: {readonly site: string}) {
  const {answer} = useAsked<{readonly items: readonly GatewayRow[]}>('/v1/get/gateways', 10_000)
  if (!answer) return null
  if (!answer.ok) return <Problem message={answer.message} />
  return (
    <Panel title="Gateways">
      <DataTable
        caption={`Gateways of ${site}`}
        rows={answer.value.items.filter((row) => row.site === site)}
        keyOf={({name}) => name}
        none="None is known."
        columns={[
          {head: 'Gateway', cell: ({name}) => name, by: ({name}) => name},
          {
            head: 'Lease',
            cell: ({alive}) =>
              alive === null ? (
                '–'
              ) : (
                <StateMark state={alive ? 'up' : 'down'}>{alive ? 'confirmed' : 'lost'}</StateMark>
              ),
          },
          {head: 'Writes the export', cell: ({leader}) => (leader ? 'yes' : '–'), rank: 2},
          {head: 'Uplinks', cell: ({uplinks}) => <code>{uplinks.join(', ')}</code>},
        ]}
      />
    </Panel>
  )
}
