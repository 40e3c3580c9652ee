// @platformatic/kafka. Usage: node platformatic.mjs SERVERS SCENARIO. How to log in is in JUDGE_SECURITY. Says on standard output what it did; the test looks into the broker.
import { once } from 'node:events'
import { Admin, Consumer, Producer, stringDeserializers, stringSerializers } from '@platformatic/kafka'

const [servers, scenario] = process.argv.slice(2)
const base = { clientId: 'platformatic', bootstrapBrokers: [servers], ...JSON.parse(process.env.JUDGE_SECURITY ?? '{}') }
const say = text => console.log(text)

async function produce(options, work) {
  const producer = new Producer({ ...base, serializers: stringSerializers, ...options })
  await work(producer)
  await producer.close()
}

const classic = { sessionTimeout: 6000, heartbeatInterval: 300, rebalanceTimeout: 6000 }
const consumerOf = (groupId, options = classic) => new Consumer({ ...base, groupId, deserializers: stringDeserializers, ...options })

/** Gives each record to `seen` until that says enough. */
async function readUntil(topic, groupId, options, seen) {
  const consumer = consumerOf(groupId, { ...classic, ...options })
  const stream = await consumer.consume({ topics: [topic], mode: 'earliest', autocommit: false, maxWaitTime: 500 })
  for await (const message of stream) if (seen(message)) break
  await consumer.close(true)
}

/** The protocol's names of the errors in an error. */
const namesIn = error => [error.apiId, ...(error.errors ?? []).map(namesIn)].filter(name => name).join(' ')

const scenarios = {
  write: () => produce({}, async producer => {
    const headers = { from: 'judge' }
    const messages = Array.from({ length: 100 }, (_, i) => ({ topic: 'orders', key: `k${i}`, value: `order ${i}`, headers, timestamp: BigInt(1700000000000 + i) }))
    messages.push({ topic: 'orders', key: 'gone', headers, timestamp: 1700000000100n })
    await producer.send({ messages, acks: -1 })
  }),

  idempotent: () => produce({ idempotent: true }, async producer => {
    for (let i = 0; i < 200; i += 20)
      await producer.send({ acks: -1, messages: Array.from({ length: 20 }, (_, j) => ({ topic: 'numbers', value: `${i + j}`, partition: 0 })) })
  }),

  async compress() {
    await produce({ compression: 'gzip' }, producer => producer.send({
      messages: Array.from({ length: 100 }, (_, i) => ({ topic: 'orders', value: `order ${i} `.repeat(4), partition: 0 }))
    }))
    let count = 0
    await readUntil('orders', 'unused', {}, ({ value }) => {
      say(`read: ${value}`)
      return ++count === 100
    })
  },

  async transaction() {
    const consumer = consumerOf('transformers')
    const stream = await consumer.consume({ topics: ['in'], mode: 'earliest', autocommit: false, maxWaitTime: 500 })
    const records = []
    for await (const message of stream) if (records.push(message) === 60) break
    await produce({ transactionalId: 'transform', idempotent: true }, async producer => {
      const transform = async batch => {
        const transaction = await producer.beginTransaction()
        await transaction.send({ messages: batch.map(({ value }) => ({ topic: 'out', value: `${value}!`, partition: 0 })) })
        await transaction.addConsumer(consumer)
        for (const message of batch) await transaction.addOffset(message)
        return transaction
      }
      for (let begin = 0; begin < 60; begin += 20) {
        const batch = records.slice(begin, begin + 20)
        if (begin === 20) {
          await (await transform(batch)).abort()
          say('aborted')
        }
        await (await transform(batch)).commit()
        say('committed')
      }
    })
    await consumer.close(true)
  },

  async fence() {
    const options = { ...base, serializers: stringSerializers, transactionalId: 'one', idempotent: true }
    const producers = [new Producer(options), new Producer(options)]
    const begin = async (producer, value) => {
      const transaction = await producer.beginTransaction()
      await transaction.send({ messages: [{ topic: 'out', value }] })
      return transaction
    }
    const zombie = await begin(producers[0], 'zombie')
    await (await begin(producers[1], 'successor')).commit()
    await zombie.commit().catch(error => say(`refused: ${namesIn(error)}`))
    await Promise.all(producers.map(producer => producer.close(true)))
  },

  async isolation() {
    for (const [name, isolationLevel] of [['read_committed', 1], ['read_uncommitted', 0]])
      await readUntil('ledger', `unused-${name}`, { isolationLevel }, ({ value }) => {
        say(`${name}: ${value}`)
        return value === 'end'
      })
  },

  group: () => share(classic),

  // The same by the newer protocol, in which the broker assigns.
  heartbeat: () => share({ groupProtocol: 'consumer' }),

  async admin() {
    const admin = new Admin(base)
    await admin.createTopics({ topics: ['made'], partitions: 3, replicas: 1, configs: [{ name: 'retention.ms', value: '3600000' }, { name: 'cleanup.policy', value: 'delete' }] })
    await admin.createPartitions({ topics: [{ name: 'made', count: 5, assignments: null }] })
    await admin.incrementalAlterConfigs({
      resources: [{ resourceType: 2, resourceName: 'made', configs: [{ name: 'retention.ms', configOperation: 0, value: '7200000' }] }]
    })
    const [described] = await admin.describeConfigs({ resources: [{ resourceType: 2, resourceName: 'made', configurationKeys: ['retention.ms'] }] })
    say(`retention.ms: ${described.configs[0].value}`)
    await admin.deleteRecords({ topics: [{ name: 'numbers', partitions: [{ partition: 0, offset: 2n }] }] })
    say(`groups: ${[...(await admin.listGroups()).keys()]}`)
    say(`group: ${(await admin.describeGroups({ groups: ['old'] })).get('old').state}`)
    say(`offsets: ${(await admin.listConsumerGroupOffsets({ groups: ['old'] }))[0].topics[0].partitions[0].committedOffset}`)
    await admin.alterConsumerGroupOffsets({ groupId: 'kept', topics: [{ name: 'numbers', partitionOffsets: [{ partition: 0, offset: 3n }] }] })
    await admin.deleteGroups({ groups: ['old'] })
    await admin.deleteTopics({ topics: ['doomed'] })
    say(`topics: ${(await admin.listTopics()).sort()}`)
    await admin.close()
  }
}

async function share(options) {
  const seen = new Set()
  const changed = []
  const wake = () => changed.splice(0).forEach(resolve => resolve())
  const until = async reached => {
    while (!reached()) await new Promise(resolve => changed.push(resolve))
  }
  const member = async () => {
    const consumer = consumerOf('readers', options)
    consumer.on('consumer:group:join', wake)
    // By the newer protocol assignments change without another event.
    consumer.on('consumer:heartbeat:end', wake)
    const stream = await consumer.consume({ topics: ['in'], mode: 'committed', fallbackMode: 'earliest', autocommit: 200, maxWaitTime: 500 })
    stream.on('data', ({ value }) => {
      say(`read: ${value}`)
      seen.add(value)
      wake()
    })
    return { consumer, stream }
  }
  const partitionsOf = ({ consumer }) => consumer.assignments?.find(({ topic }) => topic === 'in')?.partitions.length ?? 0
  let first, second
  const late = setTimeout(() => {
    console.error(`The members have ${JSON.stringify([first, second].map(member => member?.consumer.assignments))} and ${[...seen].sort((a, b) => a - b)}.`)
    process.exit(1)
  }, 75_000)
  first = await member()
  second = await member()
  await until(() => partitionsOf(first) === 2 && partitionsOf(second) === 2 && seen.size === 100)
  say('shared')
  await once(process.stdin, 'data')
  await second.stream.close()
  await second.consumer.close()
  await until(() => partitionsOf(first) === 4 && seen.size === 100)
  say('alone')
  await once(process.stdin, 'data')
  await until(() => seen.size === 200)
  await first.stream.close()
  await first.consumer.close()
  clearTimeout(late)
  process.stdin.destroy()
}

await scenarios[scenario]()
