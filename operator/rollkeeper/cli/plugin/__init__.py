"""The commands for people: `kubectl rollkeeper status web`. All they know comes from the API server.

They answer within 0.4 s, so nothing here imports at its top what takes long: the models (pydantic), rich, the client.
"""
