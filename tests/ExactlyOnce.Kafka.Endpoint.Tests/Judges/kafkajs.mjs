// kafkajs. Usage: node kafkajs.mjs SERVERS SCENARIO. How to log in is in JUDGE_SECURITY. Says on standard output what it did; the test looks into the broker.
import { once } from 'node:events'
import kafkajs from 'kafkajs'

const { CompressionTypes, ConfigResourceTypes, Kafka, Partitioners, logLevel } = kafkajs
const [servers, scenario] = process.argv.slice(2)
const security = JSON.parse(process.env.JUDGE_SECURITY ?? '{}')
const kafka = new Kafka({ clientId: 'kafkajs', brokers: [servers], logLevel: logLevel.ERROR, ...security })
const createPartitioner = Partitioners.DefaultPartitioner
const say = text => console.log(text)

async function produce(options, work) {
  const producer = kafka.producer({ createPartitioner, ...options })
  await producer.connect()
  await work(producer)
  await producer.disconnect()
}

/** Gives each record to `seen` until that says enough. */
async function readUntil(topic, group, options, seen) {
  const consumer = kafka.consumer({ groupId: group, ...options })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await new Promise((resolve, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error))
    consumer.run({
      autoCommit: false,
      eachMessage: async ({ partition, message }) => {
        if (seen({ partition, offset: BigInt(message.offset), value: message.value.toString() })) resolve()
      }
    }).catch(reject)
  })
  await consumer.disconnect()
}

const scenarios = {
  write: () => produce({}, async producer => {
    const headers = { from: 'judge' }
    const messages = Array.from({ length: 100 }, (_, i) => ({ key: `k${i}`, value: `order ${i}`, headers, timestamp: `${1700000000000 + i}` }))
    messages.push({ key: 'gone', value: null, headers, timestamp: '1700000000100' })
    await producer.send({ topic: 'orders', messages })
  }),

  idempotent: () => produce({ idempotent: true, maxInFlightRequests: 1 }, async producer => {
    for (let i = 0; i < 200; i += 20)
      await producer.send({ topic: 'numbers', messages: Array.from({ length: 20 }, (_, j) => ({ value: `${i + j}`, partition: 0 })) })
  }),

  async compress() {
    await produce({}, producer => producer.send({
      topic: 'orders',
      compression: CompressionTypes.GZIP,
      messages: Array.from({ length: 100 }, (_, i) => ({ value: `order ${i} `.repeat(4), partition: 0 }))
    }))
    let count = 0
    await readUntil('orders', 'unused', {}, ({ value }) => {
      say(`read: ${value}`)
      return ++count === 100
    })
  },

  async transaction() {
    const records = []
    await readUntil('in', 'unused', {}, record => records.push(record) === 60)
    await produce({ transactionalId: 'transform', idempotent: true, maxInFlightRequests: 1 }, async producer => {
      const transform = async batch => {
        const transaction = await producer.transaction()
        await transaction.send({ topic: 'out', messages: batch.map(({ value }) => ({ value: `${value}!` })) })
        const ends = new Map()
        for (const { partition, offset } of batch) ends.set(partition, offset + 1n)
        const partitions = [...ends].map(([partition, end]) => ({ partition, offset: `${end}` }))
        await transaction.sendOffsets({ consumerGroupId: 'transformers', topics: [{ topic: 'in', partitions }] })
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
  },

  fence: () => produce({ transactionalId: 'one', idempotent: true, maxInFlightRequests: 1 }, async producer => {
    const zombie = await producer.transaction()
    await zombie.send({ topic: 'out', messages: [{ value: 'zombie' }] })
    await produce({ transactionalId: 'one', idempotent: true, maxInFlightRequests: 1 }, async producer => {
      const successor = await producer.transaction()
      await successor.send({ topic: 'out', messages: [{ value: 'successor' }] })
      await successor.commit()
    })
    await zombie.commit().catch(({ type }) => say(`refused: ${type}`))
  }),

  async isolation() {
    for (const readUncommitted of [false, true])
      await readUntil('ledger', `unused-${readUncommitted}`, { readUncommitted }, ({ value }) => {
        say(`${readUncommitted ? 'read_uncommitted' : 'read_committed'}: ${value}`)
        return value === 'end'
      })
  },

  async group() {
    const seen = new Set()
    const changed = []
    const member = async () => {
      // It sends heartbeats between fetches only.
      const consumer = kafka.consumer({ groupId: 'readers', sessionTimeout: 6000, heartbeatInterval: 300, rebalanceTimeout: 6000, maxWaitTimeInMs: 300 })
      consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
        consumer.partitions = payload.memberAssignment.in ?? []
        changed.splice(0).forEach(resolve => resolve())
      })
      consumer.partitions = []
      await consumer.connect()
      await consumer.subscribe({ topic: 'in', fromBeginning: true })
      await consumer.run({
        autoCommitInterval: 500,
        eachMessage: async ({ message }) => {
          say(`read: ${message.value}`)
          seen.add(`${message.value}`)
          changed.splice(0).forEach(resolve => resolve())
        }
      })
      return consumer
    }
    const until = async reached => {
      while (!reached()) await new Promise(resolve => changed.push(resolve))
    }
    let first, second
    const late = setTimeout(() => {
      console.error(`The members have ${JSON.stringify([first, second].map(member => member?.partitions))} and ${[...seen].sort((a, b) => a - b)}.`)
      process.exit(1)
    }, 75_000)
    first = await member()
    second = await member()
    await until(() => first.partitions.length === 2 && second.partitions.length === 2 && seen.size === 100)
    say('shared')
    await once(process.stdin, 'data')
    await second.disconnect()
    await until(() => first.partitions.length === 4 && seen.size === 100)
    say('alone')
    await once(process.stdin, 'data')
    await until(() => seen.size === 200)
    await first.disconnect()
    clearTimeout(late)
    process.stdin.destroy()
  },

  async admin() {
    const admin = kafka.admin()
    const made = { type: ConfigResourceTypes.TOPIC, name: 'made' }
    await admin.connect()
    await admin.createTopics({
      topics: [{ topic: 'made', numPartitions: 3, configEntries: [{ name: 'retention.ms', value: '3600000' }, { name: 'cleanup.policy', value: 'delete' }] }]
    })
    await admin.createPartitions({ topicPartitions: [{ topic: 'made', count: 5 }] })
    await admin.alterConfigs({ resources: [{ ...made, configEntries: [{ name: 'retention.ms', value: '7200000' }] }] })
    const { resources } = await admin.describeConfigs({ resources: [{ ...made, configNames: ['retention.ms'] }] })
    say(`retention.ms: ${resources[0].configEntries[0].configValue}`)
    await admin.deleteTopicRecords({ topic: 'numbers', partitions: [{ partition: 0, offset: '2' }] })
    say(`numbers: ${JSON.stringify(await admin.fetchTopicOffsets('numbers'))}`)
    say(`groups: ${JSON.stringify(await admin.listGroups())}`)
    say(`offsets: ${JSON.stringify(await admin.fetchOffsets({ groupId: 'old', topics: ['numbers'] }))}`)
    await admin.setOffsets({ groupId: 'kept', topic: 'numbers', partitions: [{ partition: 0, offset: '3' }] })
    await admin.deleteGroups(['old'])
    await admin.deleteTopics({ topics: ['doomed'] })
    say(`cluster: ${JSON.stringify(await admin.describeCluster())}`)
    say(`topics: ${JSON.stringify((await admin.listTopics()).sort())}`)
    await admin.disconnect()
  }
}

await scenarios[scenario]()
// A consumer whose broker was away for a while keeps the process alive although it has been disconnected.
process.exit()
