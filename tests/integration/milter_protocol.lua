-- For OpenDKIM's miltertest: conversations with postern-milter in one version of the protocol, with the steps that belong to
-- it and with each message left as short as it may be. -D socket=..., -D version=...
local bits = {
  ["2"] = { 0x3f, 0x7f }, ["3"] = { 0x3f, 0x1ff }, ["4"] = { 0x7f, 0x3ff }, ["6"] = { 0x1ff, 0x1fffff },
}
local anna = "anna@contoso.example"

local function must(problem, what)
  if problem ~= nil then error(what .. ": " .. problem) end
end

local function expect(c, wanted, what)
  local got = mt.getreply(c)
  if got ~= wanted then error(what .. ": got " .. tostring(got) .. ", expected " .. tostring(wanted)) end
end

local function open()
  local c = mt.connect(socket)
  if c == nil then error("no connection to " .. socket) end
  local actions, steps = table.unpack(bits[version])
  must(mt.negotiate(c, tonumber(version), actions, steps), "negotiate")
  must(mt.conninfo(c, "client.example", "192.0.2.7"), "conninfo")
  -- miltertest says HELO by itself before MAIL, and libmilter forgets MAIL's macros then
  if not mt.test_option(c, SMFIP_NOHELO) then must(mt.helo(c, "client.example"), "helo") end
  return c
end

local function mail(c, login)
  mt.macro(c, SMFIC_MAIL, "{mail_addr}", login, "{auth_authen}", login, "{auth_type}", "PLAIN", "{tls_version}", "TLSv1.3")
  must(mt.mailfrom(c, "<" .. login .. ">"), "mailfrom")
end

local function message(c, from, body)
  mail(c, anna)
  expect(c, SMFIR_CONTINUE, "MAIL")
  must(mt.rcptto(c, "<guest@adatum.example>"), "rcptto")
  expect(c, SMFIR_CONTINUE, "RCPT")
  -- with no field at all, miltertest would say a From of its own
  must(mt.header(c, from ~= nil and "From" or "Subject", from or "made up"), "header")
  if not mt.test_option(c, SMFIP_NOEOH) then must(mt.eoh(c), "eoh") end
  if body and not mt.test_option(c, SMFIP_NOBODY) then must(mt.bodystring(c, "made up\r\n"), "body") end
  must(mt.eom(c), "eom")
end

local c = open()
for _, body in ipairs { true, false } do
  message(c, anna, body)
  expect(c, SMFIR_CONTINUE, "From of her own")
  message(c, "boss@contoso.example", body)
  expect(c, SMFIR_REPLYCODE, "From of another")
  message(c, nil, body)
  expect(c, SMFIR_CONTINUE, "no From")
  if not mt.eom_check(c, MT_HDRADD, "From", anna) then error("no From was added") end
  must(mt.abort(c), "abort")
end
mail(c, "bert@contoso.example")
expect(c, SMFIR_REPLYCODE, "a login that may not send")
-- a login of one message is not that of the next
mt.macro(c, SMFIC_MAIL, "{mail_addr}", anna)
must(mt.mailfrom(c, "<" .. anna .. ">"), "mailfrom")
expect(c, SMFIR_ACCEPT, "no login")
mt.disconnect(c)
-- hanging up in the middle leaves the others alone
c = open()
mail(c, anna)
mt.disconnect(c, false)
c = open()
message(c, anna, false)
expect(c, SMFIR_CONTINUE, "after one that hung up")
mt.disconnect(c)
