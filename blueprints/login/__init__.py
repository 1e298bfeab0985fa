"""Sign people in and out.

::

    url:
      login:
        pattern: /login/
        handler: SimpleAuth
        kwargs:
          credentials:
            ana: {password: "$$argon2id$$v=19...", role: analyst}    # made by `flask user hash`
      logout:
        pattern: /logout
        handler: LogoutHandler

Each way to sign in is a module: `simple` (names and passwords in the YAML), `database` (in a table), `emailed` (codes
by e-mail), `logout`. `flow` has what they share, `views` the pages, `failures` makes those wait who guess.
"""
