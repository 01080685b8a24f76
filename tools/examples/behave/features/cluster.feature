Feature: A cluster driven by hand
  Nodes are started, stopped, attached and detached in the steps. Nobody polls: a step waits on what the observer raft shows,
  and a wait that was in vain says what was last seen.

  Scenario: The node that leads is stopped, and comes back
    Given the nodes m1, m2 and m3, started and attached
    Then within 30 seconds 3 nodes are reachable and one of them leads
    When the leader is stopped
    Then within 30 seconds another node leads
    And within 30 seconds the stopped node is unreachable
    When the stopped node is started
    Then within 30 seconds 3 nodes are reachable and one of them leads

  Scenario: Nodes are attached one by one, and one is taken away
    Given the nodes m1, m2 and m3, started
    When node m1 is attached
    Then within 30 seconds 1 node is reachable
    When nodes m2 and m3 are attached
    Then within 30 seconds 3 nodes are reachable and one of them leads
    When a node m4 joins the cluster and is attached
    Then within 30 seconds 4 nodes are reachable and one of them leads
    When node m4 leaves the cluster and is detached
    Then within 30 seconds 3 nodes are reachable and one of them leads
    And node m4 is not shown any more

  @lost
  Scenario: A node never comes back
    Given the nodes m1, m2 and m3, started and attached
    Then within 30 seconds 3 nodes are reachable and one of them leads
    When node m2 is stopped
    Then within 30 seconds the stopped node is unreachable
    And within 3 seconds 3 nodes are reachable and one of them leads
