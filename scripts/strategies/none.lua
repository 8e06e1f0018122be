-- None: leaves everything as it is. For profiles of programs that shall not be touched, and the
-- shortest strategy there is: `plan` returns a list of operations, here an empty one.
return {
    name = "none",
    description = "leave everything as it is",
    plan = function() return {} end,
}
