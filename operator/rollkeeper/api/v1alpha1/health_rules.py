"""CEL rules of health sources (H1, H4)."""

from rollkeeper.api.v1alpha1.rules import rule, validations

HEALTH = validations(
    rule(
        "self.source != 'ApplicationHealth' || has(self.applicationHealth)",
        "source ApplicationHealth must know how to ask the application: add applicationHealth, "
        "like {protocol: HTTP, port: 8080, requestPath: /health}",
        at=".applicationHealth",
    ),
    rule(
        "self.source == 'ApplicationHealth' || !has(self.applicationHealth)",
        "the application is asked by source ApplicationHealth only: set source to it, or remove applicationHealth",
        at=".applicationHealth",
    ),
)
"""`health` of a set."""

APPLICATION_HEALTH = validations(
    rule(
        "self.protocol == 'TCP' || has(self.requestPath)",
        "HTTP and HTTPS need a requestPath: add one, like /health",
        at=".requestPath",
    ),
    rule(
        "self.protocol != 'TCP' || !has(self.requestPath)",
        "over TCP a connection is enough: remove requestPath, or use HTTP or HTTPS",
        at=".requestPath",
    ),
    rule(
        "self.protocol != 'TCP' || self.mode != 'Rich'",
        "mode Rich reads an answer, and over TCP there is none: use HTTP or HTTPS, or mode Binary",
        at=".mode",
    ),
)
"""How an application is asked."""

REQUEST_PATH = validations(
    rule("self.matches('^/\\\\S*$')", "must begin with a slash, like /health, and be without blanks", shows="self"),
)
