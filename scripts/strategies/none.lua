-- None: everything stays as it is. Profiles name this strategy for programs that must not be
-- touched. `plan` returns a list of operations, which is empty here.
return {
    name = "none",
    description = "leave everything as it is",
    parameters = {},
    plan = function() return {} end,
}
