/** Where traffic ends that someone meant to go on: weights of nothing, backends of nothing, Gateways and policies of nothing. */
import type { Compiled } from "../compile/compile.ts";
import { httpPorts } from "../compile/backends.ts";
import { sectionsIn } from "../compile/policies.ts";
import { attachedRoutes } from "../compile/status/gateways.ts";
import type { Problem } from "../problem.ts";
import { finding } from "./finding.ts";

export const deadEnds = (compiled: Compiled): Problem[] =>
  [rules, endpoints, gateways, policies].flatMap((find) => find(compiled));

function rules({ facts: { model } }: Compiled): Problem[] {
  return model.all("HTTPRoute").flatMap((route) =>
    route.spec.rules.flatMap(({ backendRefs, filters }, index): Problem[] => {
      const path = `spec.rules[${index}]`;
      const answers = filters.some(({ type }) => type === "RequestRedirect" || type === "ExtensionRef");
      if (backendRefs.length === 0 && !answers) {
        const fix = "add a backendRef, or a RequestRedirect";
        return [finding(route, "no-backends", path, "this rule sends nowhere: it answers 500", { fix })];
      }
      if (backendRefs.length === 0 || backendRefs.some(({ weight }) => weight > 0)) return [];
      const message = "every weight is 0: this rule answers 500";
      return [finding(route, "no-weight", `${path}.backendRefs`, message, { fix: "give one of them a weight" })];
    }),
  );
}

/** Of a Service that its own routes send elsewhere, nobody asks for endpoints: it is no backend of any rule. */
function endpoints({ snapshot, facts: { model } }: Compiled): Problem[] {
  const empty = new Set(snapshot.backends.filter((one) => one.endpoints.length === 0).map(({ name }) => name));
  const services = model.all("Service").flatMap((service) => {
    const { namespace, name } = service.metadata;
    return httpPorts(service)
      .filter(({ port }) => empty.has(`Service/${namespace}/${name}:${port}`))
      .map(({ port }) => {
        const path = `spec.ports[${service.spec.ports.findIndex((one) => one.port === port)}]`;
        const message = `nothing answers at port ${port}: requests get 503`;
        const fix = `add an EndpointSlice for it, or a Backend named ${name} that says where it runs`;
        return finding(service, "no-endpoints", path, message, { fix });
      });
  });
  const backends = model
    .all("Backend")
    .filter(({ spec }) => spec.endpoints.every(({ weight }) => weight === 0))
    .map((backend) =>
      finding(backend, "no-weight", "spec.endpoints", "every weight is 0: requests get 503", {
        fix: "give one of them a weight",
      }),
    );
  return [...services, ...backends];
}

function gateways({ facts }: Compiled): Problem[] {
  const counts = attachedRoutes(facts);
  const owners = [...facts.model.all("Gateway"), ...facts.model.all("ListenerSet")];
  return owners.flatMap((owner): Problem[] => {
    const idle = facts.listeners.of(owner).filter((fact) => !fact.refusal && !counts.get(fact));
    const some = facts.listeners.of(owner).some((fact) => counts.get(fact));
    const fix = `add an HTTPRoute with this ${owner.kind} as parentRef`;
    if (idle.length > 0 && !some)
      return [finding(owner, "no-routes", "spec.listeners", "no route attaches: every request gets 404", { fix })];
    return idle.map(({ listener: { name } }) => {
      const path = `spec.listeners[${owner.spec.listeners.findIndex((one) => one.name === name)}]`;
      return finding(owner, "no-routes", path, `no route attaches to listener ${name}: its requests get 404`, { fix });
    });
  });
}

const policies = ({ facts: { model } }: Compiled): Problem[] =>
  model
    .all("TrafficPolicy")
    .filter((policy) => sectionsIn(policy).length === 0)
    .map((policy) =>
      finding(policy, "empty-policy", "spec", "has targets and no section: it changes nothing", {
        fix: "add a section, or delete it",
      }),
    );
