"""Deleting executions: rule, plan, guards, selection, execution, results, restore."""
