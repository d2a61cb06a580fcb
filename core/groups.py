"""The groups that an account may belong to: the claim `group` of its tokens."""

GROUP_USERS = "users"
GROUP_ADMIN = "admin"
