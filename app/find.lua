-- What looks at many jobs, without a change to any: pages, searches, groups of failures, figures.
-- Keys, and the clock of the first two arguments, as in store.lua.
local P = KEYS[1]

local function key(name) return P .. name end
local function fields(id, ...) return redis.call('HMGET', P .. 'job:' .. id, ...) end

local function clock(given)
  if given ~= '' then return tonumber(given) end
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
local NOW = clock(ARGV[2])

-- The value of a JSON text, or an empty table.
local function decode(text)
  local fine, value = pcall(cjson.decode, text or '')
  return fine and type(value) == 'table' and value or {}
end

-- What failures of a kind have in common: the error's type and the first line of its message, without the addresses,
-- ids and numbers that differ from one job to the next.
local function group_of(kind, error)
  error = decode(error)
  local line = tostring(error.message or ''):match('^[^\r\n]*'):sub(1, 200)
  line = line:gsub('%f[%w._+-][%w._+-]+@[%w.-]+', '#'):gsub('%f[%w]%x%x%x%x%x%x%x[%x-]+', '#'):gsub('%d+', '#')
  return redis.sha1hex(table.concat({kind or '', tostring(error.type or ''), line}, '\n')):sub(1, 12)
end

local function has(text, needles)
  text = text:lower()
  for _, needle in ipairs(needles) do
    if text:find(needle, 1, true) then return true end
  end
  return false
end

-- A text or number in `value`, at most `depth` tables deep, has one of the needles.
local function says(value, needles, depth)
  if type(value) == 'string' then return has(value, needles) end
  if type(value) == 'number' then
    return has(string.format(value == math.floor(value) and '%.0f' or '%.14g', value), needles)
  end
  if type(value) ~= 'table' or depth == 0 then return false end
  for _, inner in pairs(value) do
    if says(inner, needles, depth - 1) then return true end
  end
  return false
end

local function fits(id, wish)
  if not next(wish) then return true end
  local f = fields(id, 'kind', 'error', 'request_id', 'schedule', 'lane')
  if not f[1] or wish.kind and f[1] ~= wish.kind or wish.lane and f[5] ~= wish.lane then return false end
  if wish.error and group_of(f[1], f[2]) ~= wish.error then return false end
  if not wish.text or says({id, f[1], f[3], f[4], f[5], decode(f[2])}, wish.text, 2) then return true end
  local message = wish.raw and redis.call('GET', key('message:' .. id))
  if not message or not has(message, wish.raw) then return false end -- most end here, before a costly decode
  message = decode(message)
  return says({message.args, message.kwargs}, wish.text, 30)
end

-- The part of a set that comes after `skip` of those with `score`: newest first; of scheduled jobs, soonest first.
local function range(set, score, skip, limit)
  local command, last = 'ZREVRANGEBYSCORE', '-inf'
  if set == 'scheduled' then command, last = 'ZRANGEBYSCORE', '+inf' end
  return redis.call(command, key(set), score, last, 'WITHSCORES', 'LIMIT', skip, limit)
end

-- Goes through at most `scan` of a set, while `visit(id, score)` says so. -> {score, skip, 1 if there are more}
local function walk(set, score, skip, scan, visit)
  local rows = range(set, score, skip, scan)
  for i = 1, #rows, 2 do
    skip, score = rows[i + 1] == score and skip + 1 or 1, rows[i + 1]
    if not visit(rows[i], score) then break end
  end
  return {score, skip, #range(set, score, skip, 1) > 0 and 1 or 0}
end

local look = {}

-- At most `most` jobs of a set that fit. -> {score, skip, more, ids}
--   wish: JSON of what to look for, all of which must be so: kind; lane; error, the key of a group of failures;
--     text, needles of which a value must have one, and raw, what they may be in the JSON of a message; without it
--     messages are not looked into
function look.find(set, score, skip, scan, most, wish)
  wish, most = cjson.decode(wish), tonumber(most)
  for _, needles in ipairs({wish.text or {}, wish.raw or {}}) do
    for i, needle in ipairs(needles) do needles[i] = needle:lower() end
  end
  local ids = {}
  local answer = walk(set, score, tonumber(skip), scan, function(id)
    if fits(id, wish) then table.insert(ids, id) end
    return #ids < most
  end)
  table.insert(answer, ids)
  return answer
end

-- The failed jobs, newest first, by what they have in common. -> {score, skip, more, seen, {key, how many, id of the
-- newest, when it and when the oldest failed}, ...}
function look.groups(score, skip, scan)
  local seen, groups, by_key = 0, {}, {}
  local answer = walk('failed', score, tonumber(skip), scan, function(id, at)
    local group = group_of(unpack(fields(id, 'kind', 'error')))
    if not by_key[group] then
      by_key[group] = {group, 0, id, at, at}
      table.insert(groups, by_key[group])
    end
    seen, by_key[group][2], by_key[group][5] = seen + 1, by_key[group][2] + 1, at
    return true
  end)
  table.insert(answer, seen)
  table.insert(answer, groups)
  return answer
end

-- Files that messages of a set name. -> {score, skip, more, ids of files}
function look.files(set, score, skip, scan)
  local files, form = {}, 'file%-' .. ('%x'):rep(32)
  local answer = walk(set, score, tonumber(skip), scan, function(id)
    for file in (redis.call('GET', key('message:' .. id)) or ''):gmatch(form) do table.insert(files, file) end
    return true
  end)
  table.insert(answer, files)
  return answer
end

-- -> {version, now, {ids in each set}, {worker, heard, {since, slots, busy, release}, ...},
--     {since when the first that is queued waits, and from when on the first scheduled one will}, INFO or false,
--     when the last worker left, or, of those that died more than a day ago, was heard of; or 0}
function look.pulse(...)
  local counts, workers, waits = {}, {}, {}
  for _, set in ipairs({...}) do table.insert(counts, redis.call('ZCARD', key(set))) end
  local heard = redis.call('ZREVRANGEBYSCORE', key('workers'), '+inf', NOW - 86400000, 'WITHSCORES')
  for i = 1, #heard, 2 do
    local said = redis.call('HMGET', key('worker:' .. heard[i]), 'since', 'slots', 'busy', 'release')
    table.insert(workers, {heard[i], heard[i + 1], said})
  end
  for _, set in ipairs({'queued', 'scheduled'}) do
    local first = redis.call('ZRANGEBYSCORE', key(set), '-inf', '(inf', 'LIMIT', 0, 1)[1] -- inf: it is not its turn
    local since, due = unpack(fields(first or '', 'since', 'due'))
    if since or due then table.insert(waits, since or due) end -- a record may be of a time when none had `since`
  end
  local last = redis.call('ZRANGE', key('workers'), -1, -1, 'WITHSCORES')[2]
  local left = math.max(redis.call('GET', key('left')) or 0, #workers == 0 and last or 0)
  local info = redis.pcall('INFO', 'memory', 'clients', 'persistence') -- a host may refuse it
  return {tonumber(redis.call('GET', key('version')) or 0), NOW, counts, workers, waits,
    type(info) == 'string' and info, left}
end

-- Some of the queued jobs whose turn it is, the first first. -> {{id, when it was queued, queue, priority}, ...}
function look.queued(start, count)
  local found = redis.call('ZRANGE', key('queued'), start, start + count - 1, 'WITHSCORES')
  local jobs = {}
  for i = 1, #found, 2 do
    if found[i + 1] == 'inf' then break end
    table.insert(jobs, {found[i], found[i + 1], unpack(fields(found[i], 'queue', 'priority'))})
  end
  return jobs
end

-- The last `count` hashes of stats of a span, the oldest first. -> {number of the first, {field, n, ...}, ...}
function look.stats(span, count)
  local last = math.floor(NOW / 1000 / span)
  local found = {last - count + 1}
  for n = last - count + 1, last do table.insert(found, redis.call('HGETALL', key('stats:' .. span .. ':' .. n))) end
  return found
end

return look[ARGV[1]](unpack(ARGV, 3))
